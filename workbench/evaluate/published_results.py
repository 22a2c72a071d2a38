"""The paper's own results, to be quoted as what they are: others' models, customers and judge."""

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

FILE = Path(__file__).with_suffix(".yaml")


class Published(BaseModel):
    """What is printed of one condition; None where nothing is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scores: dict[str, list[float]]
    """By criterion the mean of the judge's scores, with its interval where one is printed."""
    failures: float | None = None
    """Share of conversations with a task success of 3 or less."""
    turns: float | None = None
    """Messages of both sides in a conversation."""
    seconds: float | None = None
    """Of a whole conversation, its simulated customer perhaps included."""
    calls: float | None = None
    """Of the agent's model in a conversation."""
    tokens: float | None = None
    """Of the agent's prompts and replies in a conversation."""
    usd: float | None = None
    """Dollars a conversation."""


@cache
def read_published() -> dict[str, dict[str, Published]]:
    """By domain and condition, in the order in which the paper prints them."""
    found = YAML(typ="safe").load(FILE)
    return {
        domain: {name: Published(**row) for name, row in rows.items()}
        for domain, rows in found.items()
    }


def list_published(domain: str) -> dict[str, Published]:
    """The paper's conditions of the procedure with a domain's subject; {} if it has none."""
    return read_published().get(domain, {})
