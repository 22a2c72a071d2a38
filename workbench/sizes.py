"""The `size` dial: one word that sets the numbers of all stages."""

from dataclasses import dataclass, replace
from difflib import get_close_matches


@dataclass(frozen=True)
class Size:
    """How much each stage does. Any number can be set by itself: see `size_of`."""

    name: str
    """smoke (minutes, for tests), demo (hours on two cores) or full (paper-sized, a GPU)."""

    conversations: int
    """Conversations written for training, validation included."""

    base_model: str
    """What `train.base_model.resolve_base_model` takes, e.g. "smollm2"."""

    epochs: float
    """Times that training goes over all rows."""

    batch_size: int
    """Rows a training step sees."""

    learning_rate: float
    """The highest of the schedule."""

    max_tokens: int
    """Longer conversations are dropped."""

    test_scenarios: int
    """Customers of each sort, on test paths; plain ones speak seen and unseen wordings."""

    floor_scenarios: int
    """How many of each sort the untuned base model meets."""

    baseline_scenarios: int
    """How many of each sort the base model meets with the procedure in its prompt, and again under
    an orchestrator."""

    repeats: int
    """How many times the compiled model meets some customers, for pass^k."""

    max_new_tokens: int
    """Tokens after which a reply is cut."""

    recognizer_epochs: int
    """Times that each recognizer's sentence encoder goes over the sentences it learns from; at size
    smoke it does not, and is used as it comes."""

    practice: float
    """Share of the rounds in which those who check conversations practise. With fewer they are
    ready sooner, and reject more that is sound."""


SIZES = {
    size.name: size
    for size in (
        Size(
            name="smoke",
            conversations=40,
            base_model="tiny-random",
            epochs=1,
            batch_size=1,
            learning_rate=5e-4,
            max_tokens=4096,
            test_scenarios=3,
            floor_scenarios=2,
            baseline_scenarios=1,
            repeats=2,
            max_new_tokens=24,
            recognizer_epochs=0,
            practice=0.5,
        ),
        Size(
            name="demo",
            conversations=1250,
            base_model="smollm2",
            epochs=1,
            batch_size=1,
            learning_rate=4e-4,
            max_tokens=1024,
            test_scenarios=100,
            floor_scenarios=10,
            baseline_scenarios=4,
            repeats=4,
            max_new_tokens=160,
            recognizer_epochs=3,
            practice=1.0,
        ),
        Size(
            name="full",
            conversations=3000,
            base_model="smollm2",
            epochs=3,
            batch_size=16,
            learning_rate=5e-4,
            max_tokens=1024,
            test_scenarios=200,
            floor_scenarios=100,
            baseline_scenarios=100,
            repeats=8,
            max_new_tokens=160,
            recognizer_epochs=3,
            practice=1.0,
        ),
    )
}


def size_of(name: str, /, **overrides: int | float | str) -> Size:
    """The numbers of a size, with some set by hand; 0 or "" means: as the size says.

    Example: size_of("demo", epochs=3, base_model="") is demo with three epochs

    Raises:
        ValueError: no such size, no such number, or a number below 0.
    """
    if name not in SIZES:
        raise ValueError(f'size "{name}" does not exist; choose one of {", ".join(SIZES)}')
    size = SIZES[name]
    for field, value in overrides.items():
        known = getattr(size, field, None)
        if known is None or field == "name":
            near = get_close_matches(field, vars(size), n=1)
            hint = f'. Did you mean "{near[0]}"?' if near else ""
            raise ValueError(f'a size has no number called "{field}"{hint}')
        if isinstance(known, str) != isinstance(value, str) or isinstance(value, bool):
            raise ValueError(f"{field} is {value!r}, but must be like {known!r}")
        if not isinstance(value, str) and not value >= 0:
            raise ValueError(f"{field} is {value}, but cannot be below 0; 0 means as the size says")
    return replace(size, **{field: value for field, value in overrides.items() if value})
