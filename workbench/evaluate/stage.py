"""The evaluation of a run: every condition meets the same customers, and all is scored and kept."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from workbench.adapting import Adaptation
from workbench.conformance import (
    DEFAULT,
    KINDS,
    STRICT,
    Aligner,
    Forgiveness,
    forgive_all_but,
)
from workbench.conversation import Conversation, hash_text
from workbench.domain import Domain
from workbench.evaluate.baselines import (
    begin_baseline,
    end_baseline,
    name_baselines,
    name_older,
    open_baseline,
)
from workbench.evaluate.breakdown import AS_BASELINES, MARGIN, PROMPTED, measure_forgiveness
from workbench.evaluate.conditions import Agent, Key, ModelAgent, Walker
from workbench.evaluate.faults import is_measured, make_instruments, write_faulty_practice
from workbench.evaluate.kept import KeptTalks
from workbench.evaluate.metrics import Score, score_conversation
from workbench.evaluate.orchestrated import OrchestratedAgent
from workbench.evaluate.procedure_prompt import write_procedure_prompt
from workbench.evaluate.result import Evaluated, build_result
from workbench.evaluate.side_by_side import RemoteAgent, hold_side_by_side
from workbench.evaluate.simulation import (
    STRATA,
    Simulated,
    file_of,
    limit_replies,
    list_customers,
    of_stratum,
    simulate,
)
from workbench.reading import suggest
from workbench.recognizer import AgentRecognizer, CustomerRecognizer
from workbench.run import Run, RunError
from workbench.sizes import Size
from workbench.source import hash_domain
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.writing import write_practice
from workbench.train.base_model import BaseModel, resolve_base_model
from workbench.train.card import hash_model
from workbench.train.export import write_quantized

FIT_CONVERSATIONS = 500
"""Conversations the recognizers learn from; more make them slower and hardly better."""

REPEATED = "compiled/repeated"
"""The compiled model before the same customers again and again: for pass^k alone."""

REPEATED_CUSTOMERS = 20
"""How many customers it meets so, at most."""

COUNTS = (
    "test_scenarios",
    "floor_scenarios",
    "baseline_scenarios",
    "repeats",
    "max_new_tokens",
    "recognizer_epochs",
)
"""Numbers of a size that an evaluation depends on."""


QUANTIZED = "quantized/q8_0"
"""The compiled model with the weights of its smallest GGUF file; only where it is asked for."""

_LESS_FORGIVEN = {kind: forgive_all_but(kind) for kind in KINDS} | {"all": STRICT}

ALWAYS = ("compiled", "walker", "walker/true_labels")
"""Conditions without which there is no result: the model, and what the recognizer is tested on."""


class ConditionError(ValueError):
    """There is no such condition; the message names those there are."""


@dataclass(frozen=True)
class Condition:
    """An agent and the customers it meets."""

    agent: Agent | RemoteAgent
    scenarios: Sequence[Scenario]
    strata: Sequence[str] = tuple(STRATA)


@dataclass(frozen=True)
class Asked:
    """What an evaluation was asked for."""

    conditions: str = ""
    """Of those that are always there; "": all."""
    baselines: Sequence[str] = ()
    """Names of others, as `name_baselines` has them."""
    usd: float = 0.0
    """Dollars that their calls may cost; 0: there is no cap."""


def fit_recognizers(
    run: Run, domain: Domain, epochs: int, progress: bool = True
) -> tuple[AgentRecognizer, CustomerRecognizer]:
    """Readers of both roles that have learnt from training wordings, and from no others.

    Those of the last call are kept, for whoever talks with the model after an evaluation.
    """
    written = run.manifest.get("synthesize", {}).get("inputs")
    key = str((run.folder, epochs, sorted(domain.hashes.items()), written))
    if key not in _FITTED:
        _FITTED.clear()
        _FITTED[key] = _fit(run, domain, epochs, progress)
    return _FITTED[key]


_FITTED: dict[str, tuple[AgentRecognizer, CustomerRecognizer]] = {}


def _fit(
    run: Run, domain: Domain, epochs: int, progress: bool
) -> tuple[AgentRecognizer, CustomerRecognizer]:
    kept = {role: run.file(f"{role}_encoder.safetensors") for role in ("agent", "customer")}
    customer = CustomerRecognizer(domain, Adaptation(epochs, kept["customer"], progress))
    talks, scenarios = _read_lessons(run)
    customer.learn([*talks, *write_practice(domain, scenarios, seed=1)])
    return fit_agent(run, domain, Adaptation(epochs, kept["agent"], progress)), customer


def fit_agent(run: Run, domain: Domain, adaptation: Adaptation) -> AgentRecognizer:
    """A reader of the agent's words alone, for who measures talks and no customers."""
    talks, scenarios = _read_lessons(run)
    # the teacher has one wording for each thing, so most of what is learnt is practice
    practice = [t for seed in (1, 3) for t in write_practice(domain, scenarios, seed)]
    agent = AgentRecognizer(domain, adaptation)
    agent.learn([*talks[::2], *practice, *write_faulty_practice(domain, scenarios, seed=2)])
    # fitted now, not in the time of the first condition that is read
    _ = agent.tagger
    return agent


def _read_lessons(run: Run) -> tuple[list[Conversation], list[Scenario]]:
    """Some conversations and scenarios of every sort: the last ones are the longest walks."""
    talks = [t for t in run.read("conversations.jsonl", Conversation) if t.split == "train"]
    scenarios = [s for s in run.read("scenarios.jsonl", Scenario) if s.split == "train"]
    return (
        talks[:: max(1, len(talks) // FIT_CONVERSATIONS)],
        scenarios[:: max(1, len(scenarios) // FIT_CONVERSATIONS)],
    )


def evaluate(
    run: Run,
    domain: Domain,
    settings: Size,
    margin: float = MARGIN,
    conditions: str = "",
    baseline: str = "",
    baseline_usd: float = 0.0,
    progress: bool = True,
    older: str = "",
) -> dict[str, Any]:
    """Simulate and score all conditions; writes `simulated/`, `scores.jsonl` and `result.json`.

    Conversations already simulated with the same inputs are not held again. `margin` is how much
    worse still counts as "as good"; choose it before looking. `conditions` are those that stand
    beside the compiled model: see `choose_conditions`. `baseline` names more of them, as
    `name_baselines` has it, whose calls may cost `baseline_usd` together; 0: there is no cap.
    `older` names an older run of this domain whose model meets the same customers: it is short for
    local/<domain>/<run> among the baselines. Returns the result.

    Raises:
        ConditionError, BaselineError: there is no such condition.
        UnknownRunError: there is no such older run.
        RunError: the run was evaluated otherwise before, or one of the two is not trained.
        StoppedError: no call can be made for now, or (CapError) the cap is reached. All that came
            is kept, and the same call goes on from there.
    """
    named = name_baselines(f"{name_older(run, older)},{baseline}")
    with run.lock():
        trained = run.manifest.get("train", {})
        if "result" not in trained:
            raise RunError(f"{run.folder} is not trained to the end; run notebook 4_train first")
        asked = Asked(conditions, named, baseline_usd)
        run.claim(
            "evaluate",
            data=hash_domain(domain),
            model=hash_model(trained),
            margin=margin,
            **{name: getattr(settings, name) for name in COUNTS},
        )
        base = resolve_base_model(trained["inputs"]["base_model"])
        with count_seconds(run):
            found = _simulate_all(run, domain, settings, base, asked, progress)
        result = build_result(run, domain, base, found, margin)
        result |= {"size": settings.name, "asked": conditions}
        known = run.manifest["evaluate"].get("baselines", {})
        result["baselines"] = {name: known[name] for name in asked.baselines if name in known}
        run.write_text("result.json", json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return result


@contextmanager
def count_seconds(run: Run) -> Iterator[None]:
    """Add the block's time to what the evaluation took, if talks were held in it."""
    start, n_before = time.perf_counter(), _count_talks(run)
    try:
        yield
    finally:
        if _count_talks(run) > n_before:
            seconds = run.manifest["evaluate"].get("seconds", 0) + time.perf_counter() - start
            run.record("evaluate", seconds=round(seconds, 1))


def _count_talks(run: Run) -> int:
    files = run.file("simulated").glob("*.jsonl")
    return sum(1 for file in files for _ in run.iterate(f"simulated/{file.name}"))


def _simulate_all(
    run: Run, domain: Domain, settings: Size, base: BaseModel, asked: Asked, progress: bool
) -> Evaluated:
    tests = [s for s in run.read("scenarios.jsonl", Scenario) if s.split == "test"]
    scenarios = first_of_each(tests, settings.test_scenarios)
    conditions = list_conditions(run, domain, settings, base, scenarios)
    # refused before anything takes time
    conditions = [
        *choose_conditions(conditions, asked.conditions),
        *list_baselines(run, domain, settings, asked, scenarios),
    ]
    for condition in conditions:
        # whose weights are here is known whether or not there is a talk left to hold
        if isinstance(condition.agent, Agent) or _list_left(run, condition):
            begin_baseline(run, condition.agent)
    if any(condition.agent.name == QUANTIZED for condition in conditions):
        write_quantized(run, QUANTIZED.partition("/")[2])
    agent_reader, customer_reader = fit_recognizers(
        run, domain, settings.recognizer_epochs, progress
    )
    limit = limit_replies(tests)

    def meet(condition: Condition) -> KeptTalks:
        return simulate_condition(run, condition, domain, agent_reader, limit, progress)

    for number, condition in enumerate(conditions, start=1):
        if progress:
            print(f"condition {number} of {len(conditions)}: {condition.agent.name}")
        meet(condition)
    every = KeptTalks(run, [condition.agent.name for condition in conditions], has_broken=True)
    talks = replace(every, has_broken=False)
    scores = score_all(every, scenarios, domain)
    run.write("scores.jsonl", scores)
    forgiveness = measure_forgiveness(
        [score for score in scores if is_measured(score.condition)],
        score_unforgiven(talks.only(is_measured), scenarios, domain),
    )
    model = run.file("model")
    prompted = [c.scenarios for c in conditions if c.agent.name.partition("/")[0] in PROMPTED]
    as_baselines = ModelAgent(AS_BASELINES, model, settings.max_new_tokens)
    again = first_of_each(of_stratum(scenarios, "unseen"), REPEATED_CUSTOMERS)
    repeated = repeat_scenarios(again, settings.repeats)
    agent = ModelAgent(REPEATED, model, settings.max_new_tokens)
    originals = [
        score.model_copy(update={"scenario_id": score.scenario_id.partition("/")[0]})
        for score in score_all(meet(Condition(agent, repeated, ("unseen",))), repeated, domain)
    ]
    return Evaluated(
        scenarios,
        talks,
        scores,
        forgiveness,
        originals,
        meet(Condition(as_baselines, prompted[0])) if prompted else (),
        agent_reader,
        customer_reader,
        [talk for talk in every if talk.failure],
    )


def list_conditions(
    run: Run,
    domain: Domain,
    settings: Size,
    base: BaseModel,
    scenarios: Sequence[Scenario],
) -> list[Condition]:
    """All conditions, the quick ones first.

    The base model without and with the procedure meets fewer customers: it is slow, and far from
    the others.
    """
    few = spread_over_paths(scenarios, settings.floor_scenarios)
    some = spread_over_paths(scenarios, settings.baseline_scenarios)
    most = settings.max_new_tokens
    prompt = write_procedure_prompt(domain)
    return [
        Condition(Walker(domain, "walker/true_labels", has_true_ears=True), scenarios),
        Condition(Walker(domain, "walker"), scenarios),
        *(
            Condition(agent, scenarios, ("unseen", "difficult"))
            for agent in make_instruments(domain)
        ),
        Condition(ModelAgent("compiled", run.file("model"), most), scenarios),
        Condition(ModelAgent(QUANTIZED, run.file(QUANTIZED), most), scenarios),
        Condition(ModelAgent("floor/base", base.folder, most), few, ("seen", "unseen")),
        Condition(ModelAgent("in_context/base", base.folder, most, prompt), some),
        Condition(OrchestratedAgent(domain, base.folder, max_new_tokens=most), some),
    ]


def list_baselines(
    run: Run, domain: Domain, settings: Size, asked: Asked, scenarios: Sequence[Scenario]
) -> list[Condition]:
    """What was named beside the conditions that are always there.

    Models over the API meet the customers of the prompted base model; a compiled model, wherever it
    is, those of this run's.
    """
    some = spread_over_paths(scenarios, settings.baseline_scenarios)
    return [
        Condition(
            open_baseline(name, run, domain, settings.max_new_tokens, asked.usd),
            some if name.partition("/")[0] in PROMPTED else scenarios,
        )
        for name in asked.baselines
    ]


def choose_conditions(conditions: Sequence[Condition], asked: str) -> list[Condition]:
    """Those asked for, by their names or by what stands before the slash; if none is, all but the
    quantized model.

    The compiled model and the walkers are always there. Example: "in_context, faulty"

    Raises:
        ConditionError: there is no such condition.
    """
    names = [name.strip() for name in asked.split(",") if name.strip()]
    known = {condition.agent.name for condition in conditions}
    known |= {name.partition("/")[0] for name in known}
    for name in names:
        if name not in known:
            raise ConditionError(
                f'there is no condition "{name}".{suggest(name, known)} There are:'
                f" {', '.join(sorted(known))}"
            )
    return [
        condition
        for condition in conditions
        if (not names and condition.agent.name != QUANTIZED)
        or condition.agent.name in {*names, *ALWAYS}
        or condition.agent.name.partition("/")[0] in names
    ]


def first_of_each(scenarios: Iterable[Scenario], most: int) -> list[Scenario]:
    """The first scenarios of each sort of customer."""
    kept: dict[str, list[Scenario]] = {}
    for scenario in scenarios:
        own = kept.setdefault(scenario.stratum, [])
        if len(own) < most:
            own.append(scenario)
    return [scenario for own in kept.values() for scenario in own]


def spread_over_paths(scenarios: Iterable[Scenario], most: int) -> list[Scenario]:
    """Some scenarios of each sort of customer, on as many paths as can be.

    Customers on one path count as one where it is asked what chance explains: few on the same few
    paths show nothing, however far a condition is behind.
    """
    sorts: dict[str, list[Scenario]] = {}
    for scenario in scenarios:
        sorts.setdefault(scenario.stratum, []).append(scenario)
    taken, kept = Counter[str](), []
    for left in sorts.values():
        for _ in range(min(most, len(left))):
            chosen = min(left, key=lambda scenario: taken[scenario.path_id])
            left.remove(chosen)
            taken[chosen.path_id] += 1
            kept.append(chosen)
    return kept


def repeat_scenarios(scenarios: Iterable[Scenario], n: int) -> list[Scenario]:
    """Each scenario several times: the same customer in other words each time."""
    return [
        scenario.model_copy(
            update={
                "scenario_id": f"{scenario.scenario_id}/{number}",
                "seed": hash_text(scenario.seed, "repeat", number),
            }
        )
        for scenario in scenarios
        for number in range(n)
    ]


def simulate_condition(
    run: Run,
    condition: Condition,
    domain: Domain,
    recognizer: AgentRecognizer,
    limit: int,
    progress: bool = True,
) -> KeptTalks:
    """The condition's talks, once all are on file, in the order of its customers.

    Those that an interrupted evaluation has kept are among them.
    """
    agent, name = condition.agent, file_of(condition.agent.name)
    if left := _list_left(run, condition):
        is_remote = not isinstance(agent, Agent)
        if is_remote:
            begin_baseline(run, agent)
        hold = hold_side_by_side if is_remote else simulate
        for talk in hold(agent, left, domain, recognizer, limit, progress):
            # a talk that has ended is kept, whatever happens to the others
            run.append(name, [talk])
        if is_remote:
            end_baseline(run, agent)
    customers = list_customers(condition.scenarios, condition.strata)
    wanted = [(stratum, scenario.scenario_id) for stratum, scenario in customers]
    kept = [_key(talk) for talk in run.iterate(name, Simulated, missing_ok=True)]
    if kept != wanted:
        # of a talk that was held again the last counts
        places = {key: place for place, key in enumerate(kept)}
        run.reorder(name, [places[key] for key in wanted])
    return KeptTalks(run, [agent.name], has_broken=True)


def _list_left(run: Run, condition: Condition) -> list[tuple[str, Scenario]]:
    """Customers whose talks are still to be held; those that were broken off are tried again.

    They have what was answered from the ledger.
    """
    done = {_key(talk) for talk in KeptTalks(run, [condition.agent.name])}
    customers = list_customers(condition.scenarios, condition.strata)
    return [own for own in customers if (own[0], own[1].scenario_id) not in done]


def _key(talk: Simulated) -> Key:
    return talk.stratum, talk.scenario_id


def score_all(
    talks: Iterable[Simulated],
    scenarios: Iterable[Scenario],
    domain: Domain,
    forgiveness: Forgiveness = DEFAULT,
) -> list[Score]:
    """Scores of all conversations; an agent heard by true ears is scored by true labels."""
    return [score for _, score in _score(talks, scenarios, domain, {"": forgiveness})]


def score_unforgiven(
    talks: Iterable[Simulated], scenarios: Iterable[Scenario], domain: Domain
) -> Iterator[tuple[str, Score]]:
    """One after the other each conversation's scores with less forgiven, and what is not."""
    return _score(talks, scenarios, domain, _LESS_FORGIVEN)


def _score(
    talks: Iterable[Simulated],
    scenarios: Iterable[Scenario],
    domain: Domain,
    ways: Mapping[str, Forgiveness],
) -> Iterator[tuple[str, Score]]:
    by_id = {scenario.scenario_id: scenario for scenario in scenarios}
    aligners = {name: Aligner(domain.flowchart, way) for name, way in ways.items()}
    for talk in talks:
        labels = talk.true_labels if talk.condition == "walker/true_labels" else None
        scenario = by_id[talk.scenario_id]
        for name, aligner in aligners.items():
            yield name, score_conversation(talk, scenario, domain, aligner, labels)
