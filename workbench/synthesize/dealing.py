"""Dealing: which wordings the customers of the training say, so that as many as can be are heard.

Drawn by lot, a third of the wordings would never be heard in 2,500 conversations while others come
many times; and what a customer says rarely, such as that it gives up, is what a model mishears.
"""

from collections import Counter
from collections.abc import Iterable

from workbench.conversation import Act, hash_text, seeded
from workbench.domain import Domain
from workbench.phrases import FOLDS, Voice
from workbench.synthesize.scenarios import Scenario

UNDEALT = {"give", "misspeak", "silence", "flood"}
"""Acts whose wordings are few, or whose sentences are put together as the talk goes."""


def talk_seed(seed: int, scenario_id: str, attempt: int = 0) -> tuple[str, int]:
    """The seed of a scenario's n-th conversation, and the fold of wordings that it speaks from."""
    own = hash_text(seed, "talk", scenario_id, attempt)
    return own, int(own, 16) % FOLDS


def house_voice(seed: int) -> Voice:
    """How the teacher speaks in all conversations of a run: one wording for each thing it says.

    The first of one fold, by the run's seed which. A model has less to learn where its agent always
    says the same in the same words, and says the likeliest word anyway.
    """
    return Voice("train", int(hash_text(seed, "agent"), 16) % FOLDS, is_settled=True)


def deal_wordings(scenarios: Iterable[Scenario], domain: Domain, seed: int) -> list[Scenario]:
    """The scenarios with a wording for each act that is planned: the one least dealt so far.

    Of those dealt as often, one of the customer's own manner comes first; it may be dealt once more
    than others, so that customers mostly speak as they do. Only training scenarios are dealt to.
    """
    dealt = Counter[str]()
    manners = {persona.id: persona.manner for persona in domain.personas}
    done = []
    for scenario in scenarios:
        if scenario.split != "train":
            done.append(scenario)
            continue
        rng = seeded(seed, "wordings", scenario.scenario_id)
        manner = "curt" if "curt" in scenario.behaviours else manners[scenario.persona]
        voice = Voice("train", talk_seed(seed, scenario.scenario_id)[1])
        own: dict[str, list[str]] = {}
        for key in _list_keys(scenario, domain):
            wording = min(
                domain.customer.wordings(key, voice),
                key=lambda w: (dealt[w.text] - (w.manner in (manner, "")), rng.random()),
            )
            dealt[wording.text] += 1
            own.setdefault(key, []).append(wording.id)
        done.append(scenario.model_copy(update={"wordings": own}))
    return done


def _list_keys(scenario: Scenario, domain: Domain) -> list[str]:
    """The phrase book's key of each planned act, in order."""
    acts = [Act.parse(act) for visits in scenario.plan.values() for turn in visits for act in turn]
    names = [act.kind if act.kind == "choose" else act.name for act in acts]
    return [
        name
        for name, act in zip(names, acts, strict=True)
        if act.kind not in UNDEALT and name in domain.customer
    ]
