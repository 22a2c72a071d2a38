"""What an evaluation's calls would take, before any is made.

What a model will say is not known beforehand, so a scripted agent stands in for it: it walks the
flowchart before the same customers, and what it says is counted. A model that says more, or takes
longer, costs more; what it costs at most, the cap decides.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.api.call import plain_messages
from workbench.api.endpoint import EndpointError, find_endpoint
from workbench.api.prices import Usage, find_price
from workbench.api.structured import ask_for_json
from workbench.conversation import Label, Message, hash_text
from workbench.design.plan import plan_paths
from workbench.domain import Domain
from workbench.evaluate.baselines import name_baselines
from workbench.evaluate.breakdown import PROMPTED
from workbench.evaluate.conditions import Key, Walker
from workbench.evaluate.faults import is_instrument
from workbench.evaluate.instructions import node_prompt, route_conditions, router_prompt
from workbench.evaluate.judge import MAX_TOKENS, Item, open_judges
from workbench.evaluate.judging import Scope, draw_sample
from workbench.evaluate.procedure_prompt import write_procedure_prompt
from workbench.evaluate.remote import complete_turns
from workbench.evaluate.rubric import Rubric
from workbench.evaluate.simulation import (
    STRATA,
    Simulated,
    file_of,
    limit_replies,
    list_customers,
    simulate,
)
from workbench.evaluate.stage import (
    choose_conditions,
    first_of_each,
    list_conditions,
    score_all,
    spread_over_paths,
)
from workbench.run import Run, open_run, runs_folder
from workbench.sizes import Size
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.writing import plan_scenarios
from workbench.train.base_model import BaseModel

LETTERS = 4
"""Of a text, for each token: about what tokenizers make of English."""


@dataclass(frozen=True)
class Outlay:
    """What one condition, or one judge, would take."""

    what: str
    """The condition or the judge, e.g. "in_context/gpt-6-sol"."""
    talks: int
    """Conversations still to be held, or to be judged."""
    calls: int
    prompt_tokens: int
    cached_tokens: int
    """Of the prompts' those that a provider can have in its cache."""
    reply_tokens: int
    usd: float | None
    """With the cache at work; None: no price is known."""
    uncached_usd: float | None
    note: str = ""
    """Why there is no price, if there is none."""


@dataclass
class _Count:
    """Tokens of calls, added up."""

    calls: int = 0
    prompt: int = 0
    cached: int = 0
    reply: int = 0

    def add(self, messages: Sequence[Mapping[str, Any]], reply: str, cached: int = 0) -> int:
        """Count one call; the tokens of its prompt."""
        prompt = count_tokens(messages)
        self.calls += 1
        self.prompt += prompt
        self.cached += min(cached, prompt)
        self.reply += len(reply) // LETTERS + 1
        return prompt


def forecast_evaluation(
    domain: Domain,
    run: str,
    settings: Size,
    seed: int,
    conditions: str = "",
    baseline: str = "",
    judge: str = "",
    root: str = "runs",
) -> list[Outlay]:
    """What baselines and judges of a run's evaluation would take; nothing is sent or kept.

    A run that does not exist yet has its customers planned for this alone. Talks that are on file
    are not held again, and not counted; of a judge every verdict is.

    Raises:
        BaselineError, ConditionError, JudgeError: there is nothing of that name.
    """
    names = name_baselines(baseline)
    judges = open_judges(judge, Run(Path()), progress=False)
    if not names and not judges:
        return []
    with tempfile.TemporaryDirectory() as spare:
        own = runs_folder(root) / domain.name / run / "scenarios.jsonl"
        results = Run(own.parent) if own.exists() else open_run(domain.name, run, spare)
        if not own.exists():
            plan_paths(results, domain, seed)
            plan_scenarios(results, domain, settings.conversations, settings.test_scenarios, seed)
        tests = [s for s in results.read("scenarios.jsonl", Scenario) if s.split == "test"]
        scenarios = first_of_each(tests, settings.test_scenarios)
        walks = _walk(domain, scenarios, limit_replies(tests))
        some = spread_over_paths(scenarios, settings.baseline_scenarios)
        met = {n: some if n.partition("/")[0] in PROMPTED else scenarios for n in names}
        found = [
            _forecast_baseline(name, domain, _list_left(results, name, own, walks))
            for name, own in met.items()
            if not name.startswith("local/")
        ]
        if judges:
            base = BaseModel(Path(), "base", "", "", "")
            every = list_conditions(results, domain, settings, base, scenarios)
            chosen = choose_conditions(every, conditions)
            judged = {c.agent.name: list_customers(c.scenarios, c.strata) for c in chosen}
            judged |= {name: list_customers(own, [*STRATA]) for name, own in met.items()}
            items = _draw_items(domain, scenarios, walks, judged)
            second = round(len(items) * Scope().second_share)
            found += [
                _forecast_judge(judge.name, domain, items[: second if n else None])
                for n, judge in enumerate(judges)
            ]
    return found


class _Deaf:
    """Reads nothing: whoever is told what is meant need not."""

    def label(self, texts: Sequence[str]) -> list[Label]:
        return [Label() for _ in texts]


def count_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """About the tokens of a prompt: one for each four letters, and some around each message."""
    return sum(len(message["content"]) // LETTERS + 4 for message in messages)


def _walk(domain: Domain, scenarios: Sequence[Scenario], limit: int) -> dict[Key, Simulated]:
    """The talks of a scripted agent that is understood in all that it means."""
    walker = Walker(domain, "walker/true_labels", has_true_ears=True)
    customers = list_customers(scenarios, [*STRATA])
    talks = simulate(walker, customers, domain, _Deaf(), limit, progress=False)
    return {(talk.stratum, talk.scenario_id): talk for talk in talks}


def _list_left(
    run: Run, name: str, scenarios: Sequence[Scenario], walks: Mapping[Key, Simulated]
) -> list[Simulated]:
    """What stands in for the talks that are still to be held."""
    kept = run.read(file_of(name), Simulated, missing_ok=True)
    done = {(talk.stratum, talk.scenario_id) for talk in kept if not talk.failure}
    wanted = [(stratum, s.scenario_id) for stratum, s in list_customers(scenarios, [*STRATA])]
    return [walks[key] for key in wanted if key not in done]


def _forecast_baseline(name: str, domain: Domain, talks: Sequence[Simulated]) -> Outlay:
    way, _, model = name.partition("/")
    count = _Count()
    for talk in talks:
        if way == "orchestrated":
            _count_led(count, domain, talk)
        else:
            system = write_procedure_prompt(domain) if way == "in_context" else ""
            _count_prompted(count, system, talk)
    return _price(name, model, "served" if way == "served" else "agent", len(talks), count)


def _count_prompted(count: _Count, system: str, talk: Simulated) -> None:
    said = talk.conversation.messages
    first = Message(role="system", content=system) if system else said[0]
    # other talks have left the system prompt in the cache
    cached = count_tokens([first.model_dump()])
    for place, message in enumerate(said):
        if message.role == "assistant":
            prompt = complete_turns([first, *said[1:place]])
            cached = count.add(prompt, message.content, cached)


def _count_led(count: _Count, domain: Domain, talk: Simulated) -> None:
    """A router call for each route that is taken, and a call for each step that is said."""
    said, chart = talk.conversation.messages, domain.flowchart
    for place, message in enumerate(said):
        if message.role != "assistant":
            continue
        history, steps = said[1:place], talk.true_labels[place].steps
        for step in steps:
            node, _, route = step.partition(".")
            if route:
                hub = chart.nodes.get(node) or chart.hubs[0]
                asked = router_prompt(route_conditions(domain, hub, True).values(), history)
                count.add([asked.model_dump()], "A")
            prompt = [node_prompt(domain, step, history), *history]
            part = message.content[: len(message.content) // len(steps)]
            count.add(complete_turns(prompt), part)


def _draw_items(
    domain: Domain,
    scenarios: Sequence[Scenario],
    walks: Mapping[Key, Simulated],
    judged: Mapping[str, Sequence[tuple[str, Scenario]]],
) -> list[Item]:
    """As many conversations as will be judged; the scripted agent's stand for each condition's."""
    talks = [
        walks[stratum, scenario.scenario_id].model_copy(
            update={
                "condition": condition,
                "conversation_id": hash_text(condition, stratum, scenario.scenario_id),
            }
        )
        for condition, customers in judged.items()
        if not is_instrument(condition)
        for stratum, scenario in customers
    ]
    by_id = {scenario.scenario_id: scenario for scenario in scenarios}
    scores = [
        score.model_copy(update={"condition": talk.condition})
        for talk, score in zip(talks, score_all(_as_meant(talks), scenarios, domain), strict=True)
    ]
    sample = draw_sample(talks, scores, by_id, domain, Scope())
    return [*sample.talks, *sample.again, *(item for twin in sample.twins for item in twin)]


def _as_meant(talks: Sequence[Simulated]) -> Iterator[Simulated]:
    """The talks, to be scored by what was meant."""
    return (talk.model_copy(update={"condition": "walker/true_labels"}) for talk in talks)


def _forecast_judge(name: str, domain: Domain, items: Sequence[Item]) -> Outlay:
    """Of a judge's answers nothing is known, so each is taken to use all its room."""
    rubric, count = Rubric(domain), _Count()
    for item in items:
        question = item.ask(name, rubric)
        asked = ask_for_json(plain_messages(question.messages), question.schema)
        count.add(asked, " " * (MAX_TOKENS - 1) * LETTERS)
    return _price(name, name.removeprefix("api/"), "judge", len(items), count)


def _price(what: str, model: str, role: str, talks: int, count: _Count) -> Outlay:
    try:
        host = find_endpoint(role).host
        price = find_price(model, host)
        note = "" if price else f"no price is known for {model} at {host}"
    except EndpointError:
        price, note = None, "no provider is set, so no price is known"
    usages = (
        Usage(count.prompt, count.reply, count.cached, count.prompt - count.cached),
        Usage(count.prompt, count.reply),
    )
    costs = [price and price.cost(usage) for usage in usages]
    return Outlay(what, talks, count.calls, count.prompt, count.cached, count.reply, *costs, note)
