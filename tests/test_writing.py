"""Writing: every scenario gets its conversation or is counted; a kill loses and doubles nothing."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from conftest import WordEncoder, edit

from workbench import recognizer
from workbench.conversation import Conversation
from workbench.design.plan import PlannedPath, plan_paths
from workbench.domain import read_domain
from workbench.inspect.overlap import find_leaks
from workbench.run import open_run
from workbench.synthesize import writing
from workbench.synthesize.checking import Checker
from workbench.synthesize.dealing import house_voice
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.writing import (
    Rejection,
    parse_shares,
    plan_scenarios,
    write_conversations,
    write_practice,
    write_talk,
)

OUTCOMES = ["success", "abandonment", "escalation"]


def make_run(tmp_path, domain, name="one", n=60, test_scenarios=12, seed=7):
    run = open_run("any", name, tmp_path)
    plan_paths(run, domain, seed)
    plan_scenarios(run, domain, n, test_scenarios, seed)
    return run


def written(run):
    return {talk.conversation_id: talk for talk in run.read("conversations.jsonl", Conversation)}


@pytest.fixture
def run(tmp_path, coffee_domain, word_encoder):
    return make_run(tmp_path, coffee_domain)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, coffee_domain):
    """A run that was written to its end, and what was counted; `finished` is a copy to change."""
    run, encoder = make_run(tmp_path_factory.mktemp("whole"), coffee_domain), WordEncoder(Path())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recognizer, "load_encoder", lambda: encoder)
        return run, write_conversations(run, coffee_domain, 7, progress=False)


@pytest.fixture
def finished(whole, tmp_path, word_encoder):
    """A copy of the run that was written, in its own place."""
    copied = shutil.copytree(whole[0].folder, tmp_path / "any" / "finished")
    return open_run(copied.parent.name, copied.name, tmp_path)


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        (
            "success 60, abandonment 25, escalation 15",
            {"success": 0.6, "abandonment": 0.25, "escalation": 0.15},
        ),
        ("success 1", {"success": 1}),
        (" success 1.5 ,abandonment 0.5,", {"success": 0.75, "abandonment": 0.25}),
        ("", dict.fromkeys(OUTCOMES, 1 / 3)),
    ],
)
def test_shares_are_read_and_add_up_to_one(text, shares):
    assert parse_shares(text, OUTCOMES) == pytest.approx(shares)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("succes 60", '"succes" is no outcome; the flowchart has abandonment, escalation, success'),
        ("success 0", 'the share of success is "0", but must be above 0'),
        ("success", 'the share of success is "", but must be above 0'),
        ("success -5", 'the share of success is "-5", but must be above 0'),
        ("success nan", 'the share of success is "nan", but must be above 0'),
    ],
)
def test_shares_that_are_none_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_shares(text, OUTCOMES)


def test_as_many_scenarios_as_asked_for_are_planned(tmp_path, domain):
    run = make_run(tmp_path, domain, n=200, test_scenarios=30)
    scenarios = run.read("scenarios.jsonl", Scenario)
    splits = Counter(s.split for s in scenarios)
    sorts = Counter(s.stratum for s in scenarios if s.split == "test")
    assert sorts["plain"] == 30
    # a domain may have no words for some, and a path no occasion
    assert all(0 < n <= 30 for n in sorts.values())
    assert splits["train"] + splits["valid"] == 200


def test_every_training_path_and_none_of_the_test_paths_is_trained(tmp_path, travel):
    run = make_run(tmp_path, travel, n=400, test_scenarios=50)
    side = {path.path_id: path for path in run.read("paths.jsonl", PlannedPath)}
    scenarios = run.read("scenarios.jsonl", Scenario)
    assert all(side[s.path_id].split == s.split for s in scenarios)
    trained = {s.path_id for s in scenarios if s.split == "train"}
    assert trained >= {p.path_id for p in side.values() if p.split == "train" and not p.is_long}


@pytest.mark.parametrize(
    ("own", "wanted"),
    [("share: 1e-7", [1e-7, 2]), ("share: 3000000", [3e6, 2]), ("", [1, 1])],
)
def test_shares_of_any_size_are_the_flowchart_s_own(tmp_path, copy, own, wanted):
    for outcome, share in (("served", own), ("left", "share: 2" if own else "")):
        end = f"{{role: end, outcome: {outcome}"
        edit(copy, "flowchart.yaml", end, f"{end}, {share}" if share else end)
    run = make_run(tmp_path, read_domain(copy))
    found = run.manifest["synthesize"]["inputs"]["shares"]
    assert found == {"served": wanted[0] / sum(wanted), "left": wanted[1] / sum(wanted)}


def test_outcomes_of_a_split_come_in_their_shares(tmp_path, travel):
    scenarios = make_run(tmp_path, travel, test_scenarios=100).read("scenarios.jsonl", Scenario)
    tests = [s for s in scenarios if s.split == "test" and s.stratum == "plain"]
    ends = Counter(s.endings[0] for s in tests)
    assert ends == {"success": 60, "abandonment": 25, "escalation": 15}


def test_scenarios_are_the_seed_s_and_all_different(tmp_path, domain):
    seeds = {"a": 7, "b": 7, "c": 8}
    runs = [make_run(tmp_path, domain, name, seed=seed) for name, seed in seeds.items()]
    one, same, other = (run.read("scenarios.jsonl", Scenario) for run in runs)
    assert one == same != other
    assert len({s.scenario_id for s in one}) == len(one)


def test_every_scenario_but_those_for_tests_is_written_or_counted(whole):
    run, counts = whole
    wanted = {s.scenario_id for s in run.read("scenarios.jsonl", Scenario) if s.split != "test"}
    kept = Counter(talk.scenario_id for talk in written(run).values())
    assert set(kept) <= wanted
    assert set(kept.values()) == {1}
    assert counts["kept"] + counts["given_up"] == counts["asked"] == len(wanted) == 60
    assert counts["kept"] >= 57
    assert 0 < counts["seconds"] < 600


def test_what_is_kept_was_checked(run, coffee_domain, monkeypatch):
    monkeypatch.setattr(Checker, "problems", lambda *_: [("pay", "planted")])
    counts = write_conversations(run, coffee_domain, 7, progress=False)
    assert (counts["kept"], counts["given_up"]) == (0, 60)
    reasons = Counter(r.reason for r in run.read("rejected.jsonl", Rejection))
    assert reasons == {"planted": 60 * writing.MOST_TRIES, "given up": 60}


def test_conversations_are_the_seed_s(run, whole, coffee_domain):
    write_conversations(run, coffee_domain, 7, progress=False)
    one, same = (of.file("conversations.jsonl").read_bytes() for of in (run, whole[0]))
    assert one == same


@pytest.mark.parametrize("n_left", [0, 1, 23])
def test_a_killed_writing_resumes_to_the_same_set(whole, finished, coffee_domain, n_left):
    file, counts = finished.file("conversations.jsonl"), whole[1]
    lines = file.read_bytes().splitlines(keepends=True)
    # killed while it wrote a line
    file.write_bytes(b"".join(lines[:n_left]) + lines[n_left][:40])
    again = write_conversations(finished, coffee_domain, 7, progress=False)
    assert len(file.read_bytes().splitlines()) == len(lines)
    assert written(finished) == written(whole[0])
    assert again | {"seconds": 0} == counts | {"seconds": 0}


def test_a_finished_writing_is_not_begun_again(finished, coffee_domain, monkeypatch):
    before = finished.file("conversations.jsonl").read_bytes()
    monkeypatch.setattr(writing, "write_talk", None)
    write_conversations(finished, coffee_domain, 7, progress=False)
    assert finished.file("conversations.jsonl").read_bytes() == before


def test_training_says_no_test_wording(tmp_path, domain):
    run = make_run(tmp_path, domain, n=300)
    plans = [s for s in run.read("scenarios.jsonl", Scenario) if s.split != "test"]
    talks = [write_talk(s, domain, i % 3, s.seed) for i, s in enumerate(plans)]
    assert find_leaks(talks, domain) == []
    assert not {talk.path_id for talk in talks} & {
        p.path_id for p in run.read("paths.jsonl", PlannedPath) if p.split == "test"
    }


def test_each_training_message_is_made_of_training_wordings(tmp_path, domain, monkeypatch):
    run, said = make_run(tmp_path, domain, n=100), set()
    admitted = type(domain.agent).wordings

    def listen(book, key, voice=None):
        found = admitted(book, key, voice)
        said.update(found if voice else [])
        return found

    monkeypatch.setattr(type(domain.agent), "wordings", listen)
    for scenario in run.read("scenarios.jsonl", Scenario):
        if scenario.split != "test":
            write_talk(scenario, domain, 0, scenario.seed)
    assert {wording.split for wording in said} == {"train"}


@pytest.mark.exhaustive
def test_travel_is_written_with_few_rejections(tmp_path, travel):
    run = make_run(tmp_path, travel, n=150)
    write_conversations(run, travel, 7, progress=False)
    sorts = {s.scenario_id: s.stratum for s in run.read("scenarios.jsonl", Scenario)}
    lines = run.read("rejected.jsonl", Rejection)
    kept = Counter(sorts[talk.scenario_id] == "plain" for talk in written(run).values())
    tried = {r.conversation_id: sorts[r.scenario_id] == "plain" for r in lines if r.conversation_id}
    lost = Counter(sorts[r.scenario_id] == "plain" for r in lines if r.reason == "given up")
    rejected = Counter(tried.values())
    assert rejected[True] / (rejected[True] + kept[True]) < 0.35
    assert lost[True] <= 3
    # customers who mistype, ramble or answer in a word are misread more often than plain ones
    assert rejected[False] / (rejected[False] + kept[False]) < 0.6
    assert find_leaks(list(written(run).values()), travel) == []


def test_practice_has_side_trips_before_all_sorts_of_messages(tmp_path, travel, monkeypatch):
    monkeypatch.setattr(writing, "TRIP_SHARE", 1.0)
    scenarios = make_run(tmp_path, travel, n=40).read("scenarios.jsonl", Scenario)
    plain, after_trips = set(), set()
    for talk in write_practice(travel, [s for s in scenarios if s.split == "train"], seed=3):
        for label in talk.labels:
            is_trip = [step.startswith("anywhere.") for step in label.steps]
            (after_trips if any(is_trip) else plain).update(label.steps)
    # answers are strewn in nowhere: they rest on a question
    trips = {f"anywhere.{name}" for name in travel.flowchart.anywhere} - {"anywhere.question"}
    assert plain
    assert plain | trips <= after_trips


def test_checkers_hear_customers_in_more_rounds_the_more_wordings_there_are(
    tmp_path, coffee_domain, travel, monkeypatch
):
    class Heard:
        """What a recognizer is given to learn from."""

        def __init__(self, domain):
            pass

        def learn(self, talks):
            return talks

    monkeypatch.setattr(writing, "AgentRecognizer", Heard)
    monkeypatch.setattr(writing, "CustomerRecognizer", Heard)
    monkeypatch.setattr(writing, "Checker", lambda domain, agent, customer: (agent, customer))
    for book, share, rounds in ((coffee_domain, 1, 1), (travel, 1, 2), (travel, 0.5, 1)):
        scenarios = make_run(tmp_path / f"{book.flowchart.name}{share}", book, n=40).read(
            "scenarios.jsonl", Scenario
        )
        checkers = writing.fit_checkers(book, scenarios[:20], 3, share, most=10)
        for agent, customer in checkers:
            # the same scenarios in other words, of both other folds each time
            assert len(agent) == 2 * 10
            assert len(customer) == 2 * 10 * rounds
            assert len({talk.conversation_id for talk in customer}) > 0.9 * len(customer)
        assert len(checkers) == 3
        # the teacher's own fold has taught none of those who read its words
        known = book.fact_values()
        own = {w.text.format_map(known) for w in book.agent.wordings("opening", house_voice(3))}
        heard = {message.content for talk in checkers[0][0] for message in talk.messages}
        assert not own & heard, own & heard
