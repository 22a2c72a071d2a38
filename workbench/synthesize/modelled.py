"""Conversations in which models speak: written many at once, kept as they come."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from workbench.domain import Domain
from workbench.run import Run
from workbench.synthesize.checking import Checker
from workbench.synthesize.drafting import Ask, Drafter
from workbench.synthesize.progress import WritingLog
from workbench.synthesize.rejections import FILE, read_rejections
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.speakers import AT_ONCE, Cast


def write_modelled(
    run: Run,
    domain: Domain,
    cast: Cast,
    models: Mapping[str, Any],
    checkers: Sequence[Checker],
    scenarios: Sequence[Scenario],
    seed: int,
    log: WritingLog,
) -> list[str]:
    """Write these conversations; why some of them have no answer for now.

    What is decided is decided by seed and scenario, and what a model answered is in the ledger: cut
    off at any moment and begun again, this comes to the same conversations.

    Raises:
        StoppedError: no call can be made for now; what was finished is kept.
    """
    from workbench.api.portal import run_all

    if not scenarios:
        return []
    drafter = Drafter(domain, cast, reach(models), checkers, seed)
    known, unanswered = {line.key for line in read_rejections(run)}, []
    log.begin(len(scenarios))
    # whoever stops it here, and not in there, must not leave models talking that nobody hears
    with closing(run_all(drafter.write, scenarios, AT_ONCE, in_order=False)) as finished:
        for written in finished:
            unanswered += [written.unanswered] * bool(written.unanswered)
            log.note_cost(next(iter(models.values())).line.describe_cost(), len(unanswered))
            if written.unanswered:
                continue
            # a kill may come between the two: what is on record is not written down again
            run.append(FILE, [line for line in written.rejections if line.key not in known])
            run.append("conversations.jsonl", [written.talk] * bool(written.talk))
            log.add(written.talk, written.rejections)
    return unanswered


def reach(models: Mapping[str, Any]) -> dict[str, Ask]:
    """How the open model of each role is asked."""

    def reach_one(model: Any) -> Ask:
        async def ask(messages, repeat):
            return await model.ask(messages, repeat=repeat)

        return ask

    return {role: reach_one(model) for role, model in models.items()}
