"""Plain words: what models are told of acts, manners and faults, free of the flowchart's names."""

from functools import cache
from string import Template
from typing import Any

from workbench.conversation import Act
from workbench.domain import PROMPTS, WORDS, Domain
from workbench.reading import read_yaml


@cache
def read_words() -> dict[str, Any]:
    """The file's parts: acts, own_act, again, first, manners, behaviours and advice."""
    return read_yaml(PROMPTS / WORDS).data


def word_act(act: Act, domain: Domain, value: str = "") -> str:
    """What a customer is told to do for an act; `value` is the form in which it says the value.

    Example: Act("give", "size", "small") -> "Give the size, in exactly these words: a small one"
    """
    words = read_words()
    form = words["acts"].get(act.kind)
    if form is None:
        return Template(words["own_act"]).substitute(when=find_when(act.kind, domain))
    offer = domain.offers.get(act.target)
    known = {
        "slot": name_slot(act.target, domain),
        "target": act.target.replace("_", " "),
        "offer": offer.name if offer else act.target,
        "value": value or act.value,
    }
    # a value may be left to who speaks
    return Template(form).substitute(known).rstrip(" :")


def name_slot(slot: str, domain: Domain) -> str:
    """What a slot is called, e.g. "the travel date"."""
    talk = domain.slots.get(slot)
    return talk.name if talk else f"the {slot.replace('_', ' ')}"


def find_when(act: str, domain: Domain) -> str:
    """The condition of the first route or side trip that an act causes, in the chart's words."""
    elements = map(domain.flowchart.find_element, domain.flowchart.steps)
    whens = (e.when for e in elements if act in getattr(e, "acts", ()))
    return next((when.rstrip(" .") for when in whens if when), act.replace("_", " "))


def advise(name: str, **values: object) -> str:
    """A sentence of the advice, filled."""
    return Template(read_words()["advice"][name]).substitute(values)
