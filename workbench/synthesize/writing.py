"""Writing the conversations of a run: each from its scenario, each checked before it is kept."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from workbench.conversation import Act, Conversation, Label, Message, hash_text, seeded
from workbench.design.covering import cover_route_pairs
from workbench.design.paths import FlowPath
from workbench.design.plan import PlannedPath
from workbench.domain import Domain
from workbench.flowchart import Flowchart
from workbench.phrases import FOLDS, Voice
from workbench.recognizer import AgentRecognizer, CustomerRecognizer
from workbench.record import Record
from workbench.run import Run
from workbench.source import hash_domain, keep_source
from workbench.synthesize.behaviours import list_behaviours
from workbench.synthesize.checking import Checker
from workbench.synthesize.dealing import deal_wordings, house_voice, talk_seed
from workbench.synthesize.drawing import draw_paths, draw_training
from workbench.synthesize.modelled import write_modelled
from workbench.synthesize.progress import Watcher, WritingLog
from workbench.synthesize.provenance import list_used
from workbench.synthesize.rejections import (
    FILE,
    Rejection,
    count_written,
    give_up,
    list_done,
)
from workbench.synthesize.scenarios import (
    Scenario,
    ScenarioError,
    list_plannable,
    plan_scenario,
    strew_side_trip,
)
from workbench.synthesize.speakers import Cast
from workbench.synthesize.talk import hold_talk, open_talk
from workbench.synthesize.teacher import NAME, PhraseBookAgent

LONG_SHARE = 0.2
"""Share of training conversations that are longer walks than the counted paths."""

STRATUM_SHARES = {"plain": 0.35, "difficult": 0.45, "adversarial": 0.2}
"""Shares of training conversations by the sort of customer."""

TEST_STRATA = ("plain", "difficult", "adversarial", "untrained")
"""Sorts of customers that models are tested on, each on as many scenarios."""

VALID_SHARE = 0.08
CHUNK = 250
PART_SHARE = 0.3
"""Share of an agent's messages that recognizers also practise on with a step left out. With none
they miss half of all left-out steps; with all they take whole messages for parts."""
TRIP_SHARE = 0.15
"""Share of an agent's messages that they also practise on with a side trip put before."""

MOST_ROUNDS = 6
"""Times that few scenarios are practised at most: size smoke would have sixteen, until each wording
is heard, and takes longer with them than it is meant to."""

MOST_TRIES = 6
"""Conversations written for one scenario before it is given up."""


def parse_shares(text: str, outcomes: Iterable[str]) -> dict[str, float]:
    """Shares of outcomes from "success 60, abandonment 40"; they need not add up to 100.

    Raises:
        ValueError: an outcome is unknown, or a share is no number above 0.
    """
    known, shares = dict.fromkeys(outcomes, 1), {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.partition(" ")
        if name not in known:
            raise ValueError(
                f'"{name}" is no outcome; the flowchart has {", ".join(sorted(known))}'
            )
        if not number.strip().replace(".", "", 1).isdigit() or float(number) <= 0:
            raise ValueError(f'the share of {name} is "{number.strip()}", but must be above 0')
        shares[name] = float(number)
    return _normalize(shares or known)


def settle_shares(text: str, chart: Flowchart) -> dict[str, float]:
    """Shares of outcomes as asked for, else as the flowchart says, else as many each."""
    own = chart.shares or dict.fromkeys(chart.outcomes, 1)
    return parse_shares(text, own) if text else _normalize(own)


def _normalize(shares: dict[str, float]) -> dict[str, float]:
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}


def plan_scenarios(
    run: Run,
    domain: Domain,
    conversations: int,
    test_scenarios: int,
    seed: int,
    shares: str = "",
    cast: Cast | None = None,
) -> list[Scenario]:
    """Plan the scenarios of all splits and write `scenarios.jsonl`.

    `conversations` is for training and validation together. Training takes every route and pair of
    consecutive routes, then as many distinct paths as there is room for, all of them where the
    number allows, the outcomes in their shares: `shares` as "won 60, lost 40", else
    what the flowchart says, else as many each. There are `test_scenarios` of each
    sort of customer. What a behaviour makes of a test path is a walk that no training conversation
    takes, and the other way round. Who will write the conversations is put on record: what one
    cast has begun no other goes on with.

    Raises:
        ScenarioError: there are no test paths, or no customer was found for a path.
        RunError: the run was begun with other inputs.
    """
    chart, planned = domain.flowchart, run.read("paths.jsonl", PlannedPath)
    parsed = settle_shares(shares, chart)
    bounded = {
        s: [p.as_path() for p in planned if p.split == s and not p.is_long]
        for s in ("train", "valid", "test")
    }
    if not bounded["test"]:
        raise ScenarioError(
            f'no path of "{chart.name}" can be kept for tests: each takes a route that no other '
            "takes, and training needs it; let routes meet again, or add a loop"
        )
    long = list_plannable((p.as_path() for p in planned if p.is_long), domain, seed)
    rng = seeded(seed, "draw", chart.name)
    n_valid = round(conversations * VALID_SHARE) if bounded["valid"] else 0
    n_long = round((conversations - n_valid) * LONG_SHARE) if long else 0
    pairs = {path.path_id for path in cover_route_pairs(chart)}
    covering = [path for path in long if path.path_id in pairs]
    n_train = conversations - n_valid
    walks = bounded["train"], long, covering
    drawn = [
        ("train", draw_training(*walks, n_train, n_long, parsed, chart, rng)),
        ("valid", draw_paths(bounded["valid"], [], n_valid, parsed, chart, rng)),
    ]
    tested = draw_paths(bounded["test"], [], test_scenarios, parsed, chart, rng)
    ours = {str(path.messages(chart)) for split in ("train", "valid") for path in bounded[split]}
    ours |= {str(path.messages(chart)) for path in long}
    tests = _plan_tests(tested, domain, seed, ours)
    theirs = {str(scenario.steps) for scenario in tests}
    scenarios, used = [], Counter()
    for split, taken in drawn:
        for path in taken:
            n = used[path.path_id]
            stratum = draw_stratum(path, n, seed) if split == "train" else "plain"
            planned = plan_apart(path, split, domain, seed, n, stratum, theirs)
            # a path without occasion for any behaviour
            scenarios.append(planned or plan_scenario(path, split, domain, seed, n))
            used[path.path_id] += 1
    scenarios = deal_wordings(scenarios, domain, seed) + tests
    with run.lock():
        run.claim(
            "synthesize",
            flowchart=chart.content_hash(),
            data=hash_domain(domain),
            conversations=conversations,
            test_scenarios=test_scenarios,
            seed=seed,
            shares=parsed,
            **(cast or Cast()).describe_inputs(domain),
        )
        keep_source(run, domain)
        run.write("scenarios.jsonl", scenarios)
    return scenarios


def draw_stratum(path: FlowPath, n: int, seed: int) -> str:
    """What sort of customer takes a path for the n-th time; the first is always plain."""
    rng = seeded(seed, "stratum", f"{path.path_id}/{n}")
    return rng.choices([*STRATUM_SHARES], [*STRATUM_SHARES.values()])[0] if n else "plain"


def _plan_tests(
    paths: list[FlowPath], domain: Domain, seed: int, others: set[str]
) -> list[Scenario]:
    """Test scenarios of every sort of customer that the phrase book can word, on these paths."""
    scenarios = []
    for stratum in TEST_STRATA:
        if stratum != "plain" and not list_behaviours(domain, stratum):
            continue
        used = Counter[str]()
        for path in paths:
            n = used[path.path_id]
            planned = plan_apart(path, "test", domain, seed, n, stratum, others)
            scenarios += [planned] if planned else []
            used[path.path_id] += 1
    return scenarios


def plan_apart(
    path: FlowPath,
    split: str,
    domain: Domain,
    seed: int,
    n: int,
    stratum: str,
    others: set[str],
) -> Scenario | None:
    """A scenario whose walk is none of `others`: behaviours are drawn anew until it is.

    None where no behaviour finds an occasion on the path, or none leads to another walk.
    """
    for attempt in range(MOST_TRIES):
        scenario = plan_scenario(path, split, domain, seed, n + 10_000 * attempt, stratum)
        if stratum == "plain" or (scenario.behaviours and str(scenario.steps) not in others):
            return scenario
    return None


def write_conversations(
    run: Run,
    domain: Domain,
    seed: int,
    progress: bool = True,
    cast: Cast | None = None,
    watcher: Watcher | None = None,
    practice: float = 1.0,
) -> dict[str, Any]:
    """Write the conversations of all training and validation scenarios; returns the counts.

    Appends as it goes; stopped at any moment, a second call writes only what is missing. Test
    scenarios get no conversation here: their customers talk to the models later. Who watches is
    shown each conversation. `practice` is the share of the rounds in which checkers practise.

    Raises:
        StoppedError: a model's provider is down or refuses, or (CapError) the cap is reached; what
            was written is kept, and calling this again goes on from there.
        EndpointError, LedgerError: a model cannot be reached, or has another price than before.
    """
    cast = cast or Cast()
    with run.lock():
        begun_s = time.perf_counter()
        scenarios = [s for s in run.read("scenarios.jsonl", Scenario) if s.split != "test"]
        done = list_done(run)
        left = [s for s in scenarios if s.scenario_id not in done]
        unanswered: list[str] = []
        log = WritingLog(run, len(scenarios), progress, watcher)
        try:
            unanswered = _write(run, domain, seed, cast, scenarios, left, log, progress, practice)
        finally:
            counts = count_written(run, len(scenarios))
            if left:
                # of the last call that wrote something
                counts["seconds"] = round(time.perf_counter() - begun_s, 1)
            speakers = {"teacher": cast.teacher.name, "customer": cast.customer.name}
            speakers["practice"] = practice
            run.record("synthesize", **speakers, unanswered=len(unanswered), **counts)
            log.end(counts)
    if unanswered:
        counts["unanswered"] = len(unanswered)
        print(f"{len(unanswered)} conversations lack an answer: {unanswered[0]}")
    return counts


def _write(
    run: Run,
    domain: Domain,
    seed: int,
    cast: Cast,
    scenarios: list[Scenario],
    left: list[Scenario],
    log: WritingLog,
    progress: bool,
    practice: float,
) -> list[str]:
    """Write what is left; why scenarios are to be tried another time."""
    if not left:
        return []
    models = cast.open_models(run, progress)
    checkers: list[Checker] = []
    begun_s = time.perf_counter()
    if cast.needs_phrases:
        checkers = fit_checkers(domain, scenarios, seed, practice)
    elif domain.has_phrases:
        checkers = [fit_checker(domain, scenarios, seed, practice)]
    # however few are written: a forecast must know
    run.record("synthesize", fitting_seconds=round(time.perf_counter() - begun_s, 1))
    modelled = [s for s in left if cast.has_model(seed, s.scenario_id)]
    scripted = [s for s in left if not cast.has_model(seed, s.scenario_id)]
    _write_scripted(run, domain, seed, checkers, scripted, log)
    return write_modelled(run, domain, cast, models, checkers, modelled, seed, log)


def _write_scripted(
    run: Run,
    domain: Domain,
    seed: int,
    checkers: list[Checker],
    left: list[Scenario],
    log: WritingLog,
) -> None:
    log.begin(len(left))
    # many at a time: encoding their sentences together is what takes the time
    for place in range(0, len(left), CHUNK):
        open_scenarios = left[place : place + CHUNK]
        for attempt in range(MOST_TRIES):
            good = set()
            for talk, problems in _try_all(open_scenarios, domain, checkers, seed, attempt):
                kept, rejections = [talk] * (not problems), _rejections(talk, problems)
                good |= {talk.scenario_id for talk in kept}
                # one by one: who stops it keeps all that was read
                run.append("conversations.jsonl", kept)
                run.append(FILE, rejections)
                log.add(talk if kept else None, rejections)
            open_scenarios = [s for s in open_scenarios if s.scenario_id not in good]
        lost = [give_up(scenario.scenario_id) for scenario in open_scenarios]
        run.append(FILE, lost)
        log.add(None, lost)


def write_talk(
    scenario: Scenario,
    domain: Domain,
    fold: int | None,
    seed: str,
    agent: PhraseBookAgent | None = None,
) -> Conversation:
    """One conversation of the scripted agent and customer, in one fold of the training wordings.

    The agent is the teacher, in this fold's first wordings, unless there is another.
    """
    manner = next(p.manner for p in domain.personas if p.id == scenario.persona)
    again = scenario.model_copy(update={"seed": seed})
    talk = open_talk(domain, again, Voice("train", fold, manner), max_replies=100)
    voice = Voice("train", fold, is_settled=True)
    hold_talk(talk, agent or PhraseBookAgent(domain, voice, seeded(0, "agent", seed)))
    return Conversation(
        conversation_id=hash_text(*(message.content for message in talk.messages)),
        scenario_id=scenario.scenario_id,
        path_id=scenario.path_id,
        split=scenario.split,
        teacher=NAME,
        messages=talk.messages,
        labels=talk.labels,
        hashes=list_used(talk.labels, domain),
    )


class _PracticeAgent(PhraseBookAgent):
    """Says all it should, and keeps beside it messages that lack a step, or have a side trip more.

    A side trip may stand before anything; conversations show it before what comes most.
    """

    def __init__(self, domain: Domain, fold: int | None, seed: str):
        super().__init__(domain, Voice("train", fold), seeded(0, "agent", seed))
        self.parts: list[tuple[str, Label]] = []
        # an answer to a question, say, stands only where one was asked
        known = set(domain.fact_values())
        self._free_trips = [
            trip
            for trip in (f"anywhere.{name}" for name in domain.flowchart.anywhere)
            if any(w.placeholders <= known for w in domain.agent.wordings(trip, self.voice))
        ]

    def reply(self, record: Record, acts: list[Act]) -> tuple[str, Label]:
        text, label = super().reply(record, acts)
        if len(label.steps) > 1 and self.rng.random() < PART_SHARE:
            lost = self.rng.choice(label.steps)
            rest = [step for step in label.steps if step != lost]
            self.parts.append(self.say(rest, record, acts))
        if self._free_trips and self.rng.random() < TRIP_SHARE:
            trip = self.rng.choice(self._free_trips)
            if trip not in label.steps:
                self.parts.append(self.say([trip, *label.steps], record, acts))
        return text, label


def write_practice(
    domain: Domain, scenarios: list[Scenario], seed: int, fold: int | None = None
) -> list[Conversation]:
    """Conversations for a recognizer to learn from: in all wordings, and with many side trips.

    After each stand messages of the agent that lack a step or have a side trip more: a recognizer
    that had seen only whole ones would take a part for the whole.
    """
    talks = []
    for scenario in scenarios:
        rich = strew_side_trip(scenario, domain, seeded(seed, "practice", scenario.scenario_id))
        # other words than those of the conversation: there is more to hear
        rich = rich.model_copy(update={"wordings": {}})
        own = hash_text(seed, fold, scenario.scenario_id)
        agent = _PracticeAgent(domain, fold, own)
        talk = write_talk(rich, domain, fold, own, agent)
        talk.messages.extend(Message(role="assistant", content=text) for text, _ in agent.parts)
        talk.labels.extend(label for _, label in agent.parts)
        talks.append(talk)
    return talks


def fit_checkers(
    domain: Domain, scenarios: list[Scenario], seed: int, share: float = 1.0, most: int = 320
) -> list[Checker]:
    """For each fold of the customers' wordings a checker that has learnt from the others only.

    All read the teacher's words by what the other folds than the teacher's own have taught. The
    customer's words are practised in further rounds, `MOST_ROUNDS` at most, until each wording
    is heard about once: what a checker never heard it often takes for something else. The agent
    has fewer. `share` is that of the rounds which are held, one at least.
    """
    sample, rounds = _plan_practice(domain, scenarios, share, most)
    spoken = [
        [write_practice(domain, sample, seed + n, fold) for fold in range(FOLDS)]
        for n in range(rounds)
    ]
    # each round without what is said in a fold
    others = [[[*chain(*(r[:fold] + r[fold + 1 :]))] for r in spoken] for fold in range(FOLDS)]
    house = house_voice(seed).fold
    agent = AgentRecognizer(domain).learn(others[house][0])
    return [
        Checker(domain, agent, CustomerRecognizer(domain).learn([*chain(*rounds)]))
        for rounds in others
    ]


def fit_checker(
    domain: Domain, scenarios: list[Scenario], seed: int, share: float = 1.0, most: int = 320
) -> Checker:
    """A checker that has learnt from all training wordings: for words that are none of them."""
    sample, rounds = _plan_practice(domain, scenarios, share, most)
    first, *further = (write_practice(domain, sample, seed + n) for n in range(rounds))
    agent = AgentRecognizer(domain).learn(first)
    return Checker(domain, agent, CustomerRecognizer(domain).learn([*first, *chain(*further)]))


def _plan_practice(
    domain: Domain, scenarios: list[Scenario], share: float, most: int
) -> tuple[list[Scenario], int]:
    """The scenarios that are practised, and in how many rounds."""
    sample = scenarios[:: max(1, len(scenarios) // most)]
    wordings = sum(len(domain.customer.wordings(key)) for key in domain.customer.keys)
    rounds = round(min(2 * most, wordings // 10) / len(sample))
    return sample, max(1, round(share * min(MOST_ROUNDS, max(1, rounds))))


def _try_all(
    scenarios: list[Scenario], domain: Domain, checkers: list[Checker], seed: int, attempt: int
) -> Iterator[tuple[Conversation, list[tuple[str, str]]]]:
    """One conversation for each scenario, with what is wrong with it."""
    by_fold: dict[int, list[tuple[Conversation, Scenario]]] = {}
    for scenario in scenarios:
        own, fold = talk_seed(seed, scenario.scenario_id, attempt)
        agent = PhraseBookAgent(domain, house_voice(seed), seeded(0, "agent", own))
        talk = write_talk(scenario, domain, fold, own, agent)
        by_fold.setdefault(fold, []).append((talk, scenario))
    for fold, pairs in by_fold.items():
        checkers[fold].prepare([talk for talk, _ in pairs])
        for talk, scenario in pairs:
            yield talk, checkers[fold].problems(talk, scenario)


def _rejections(talk: Conversation, problems: list[tuple[str, str]]) -> list[Rejection]:
    text = [message.content for message in talk.messages]
    return [
        Rejection(
            conversation_id=talk.conversation_id,
            scenario_id=talk.scenario_id,
            step=step,
            reason=reason,
            text=text,
        )
        for step, reason in problems
    ]
