"""A dry run of the writing: what would be asked of models, before anything is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.api.call import Answer, Request
from workbench.api.prices import dollars
from workbench.domain import Domain
from workbench.run import Run
from workbench.synthesize.briefing import Messages
from workbench.synthesize.drafting import Drafter
from workbench.synthesize.rejections import list_done
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.speakers import Cast

ANSWER_TOKENS = {"teacher": 80, "customer": 30}
"""What a message is thought to take; what a model thinks beforehand comes to that."""


@dataclass(frozen=True)
class Part:
    """What one role would take."""

    role: str
    model: str
    calls: int
    prompt_tokens: int
    output_tokens: int
    cost_usd: float | None
    """Of these tokens; None: no price is known."""
    most_usd: float | None
    """If every answer took all its room."""

    def __str__(self) -> str:
        cost = "no price is known"
        if self.cost_usd is not None:
            cost = f"about {dollars(self.cost_usd)}, at most {dollars(self.most_usd)}"
        return (
            f"{self.role} ({self.model}): {self.calls:,} calls, about {self.prompt_tokens:,} tokens"
            f" of prompts and {self.output_tokens:,} of answers, {cost}"
        )


@dataclass(frozen=True)
class Forecast:
    """What the writing of a run would take."""

    asked: int
    """Conversations in all."""
    left: int
    """Of them those that are not done."""
    modelled: int
    """Of these those in which a model speaks."""
    parts: tuple[Part, ...]

    def tabulate(self) -> list[dict[str, Any]]:
        """A line for each role that a model has, or one that says that there is none."""
        lines = [
            {
                "role": part.role,
                "model": part.model,
                "calls": part.calls,
                "prompt tokens": part.prompt_tokens,
                "answer tokens": part.output_tokens,
                "about": part.cost_usd and dollars(part.cost_usd),
                "at most": part.most_usd and dollars(part.most_usd),
            }
            for part in self.parts
        ]
        return lines or [{"role": "both", "model": "none: the phrase book speaks", "calls": 0}]

    def __str__(self) -> str:
        head = f"{self.asked:,} conversations, {self.left:,} of them to be written"
        if not self.parts:
            return f"{head}, by the phrase book: no calls, no dollars."
        lines = [f"{head}, {self.modelled:,} with models:", *map(str, self.parts)]
        if len(self.parts) > 1 and all(part.cost_usd is not None for part in self.parts):
            cost = sum(part.cost_usd for part in self.parts)
            most = sum(part.most_usd for part in self.parts)
            lines.append(f"together about {dollars(cost)}, at most {dollars(most)}")
        lines.append(
            "Each message that is not taken is asked for once more, which at worst doubles this;"
            " calls that fail and are tried again come to it, as does what a model thinks before it"
            " answers. What the ledger can answer already is counted all the same."
        )
        return "\n".join(lines)


def forecast_writing(
    run: Run, domain: Domain, seed: int, cast: Cast, scenarios: Sequence[Scenario] | None = None
) -> Forecast:
    """What writing the conversations of a run would take; nothing is sent.

    The talks are gone through with made-up words of likely length. `scenarios` are the planned
    ones; None: those on record.

    Raises:
        EndpointError: no provider is set, so that no price can be known.
        CapError: there is a cap, but no price of a model is known.
        LedgerError: the run has calls at another price.
    """
    from workbench.api.portal import run as work

    scenarios = run.read("scenarios.jsonl", Scenario) if scenarios is None else scenarios
    asked = [scenario for scenario in scenarios if scenario.split != "test"]
    done = list_done(run)
    left = [scenario for scenario in asked if scenario.scenario_id not in done]
    modelled = [scenario for scenario in left if cast.has_model(seed, scenario.scenario_id)]
    models = cast.open_models(run, progress=False)
    sent: dict[str, list[Request]] = {role: [] for role in models}
    asks = {role: _rehearse(requests) for role, requests in sent.items()}
    drafter = Drafter(domain, cast, asks, [], seed, has_checks=False)
    sums = {role: [0, 0, 0, 0.0, 0.0] for role in models}
    # one after the other: all prompts of a run together may be more than memory takes
    for scenario in modelled:
        work(drafter.write(scenario))
        for role, requests in sent.items():
            _add(sums[role], models[role], requests, ANSWER_TOKENS[role])
            requests.clear()
    parts = [_make_part(role, models[role], total) for role, total in sums.items()]
    return Forecast(len(asked), len(left), len(modelled), tuple(parts))


def _rehearse(requests: list[Request]):
    async def ask(messages: Messages, repeat: int) -> Answer:
        request = Request(messages, repeat=repeat)
        requests.append(request)
        # what is to be done is about as long as doing it, and names the offers as an answer would
        tasks = messages[-1]["content"].rpartition("[end ")[2].partition("]")[2]
        return Answer(request, _text=" ".join(tasks.split()))

    return ask


def _add(total: list, model: Any, requests: Sequence[Request], answer_tokens: int) -> None:
    if not requests:
        return
    found = model.estimate(requests, answer_tokens)
    # which of these very words the ledger knows says nothing: the real ones will be others
    parts = (found.calls, found.prompt_tokens, found.output_tokens, found.cost_usd, found.most_usd)
    for place, part in enumerate(parts):
        total[place] += part or 0


def _make_part(role: str, model: Any, total: Sequence) -> Part:
    counts, usd = total[:3], total[3:] if model.line.price else (None, None)
    return Part(role, model.name, *counts, *usd)


def describe_checks(domain: Domain) -> str:
    """What is read of each message of a model before it is taken, and what is not."""
    always = "facts, numbers, names, offers, details, code words, form, length, and that it closes"
    if domain.has_phrases:
        return (
            f"Of a model's message is checked: which step or act it is, what it asks for, {always}."
        )
    return (
        f"Of a model's message is checked: {always}. NOT checked is which step or act it is and"
        " what it asks for, as there is no phrase book that a reader of words could learn from:"
        " whether the words do what their path asks for, nobody has read."
    )
