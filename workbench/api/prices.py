"""Prices: what a model's tokens cost, from dated data files, never from code."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from workbench.reading import Number, ReadingError, fit_items, read_yaml
from workbench.run import project_folder

SHIPPED = Path(__file__).parent / "prices.yaml"
"""The price table that comes with the package."""


@dataclass(frozen=True)
class Usage:
    """Tokens of one reply, as the provider counted them."""

    prompt: int
    output: int
    """All that was written, reasoning included."""
    cached: int = 0
    """Of the prompt's those read from the provider's cache."""
    written: int = 0
    """Of the prompt's those written to it."""
    reasoning: int = 0
    """Of the output's those that nobody sees."""


LEAST_USD = 0.001
"""A price of a million tokens that is less is hardly one: it may be that of a single token."""


def _check_unit(usd: float) -> float:
    if 0 < usd < LEAST_USD:
        raise ValueError("a price is for a million tokens; multiply that of one by 1,000,000")
    return usd


Dollars = Annotated[Number, Field(ge=0), AfterValidator(_check_unit)]
Day = Annotated[date, BeforeValidator(lambda text: date.fromisoformat(str(text)))]


class Price(BaseModel):
    """What a model's tokens cost at one host, in US dollars per million."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    host: str
    """Where it holds, with the port if one is named, e.g. "api.openai.com", "localhost:8000"."""
    input: Dollars
    output: Dollars
    cached: Dollars | None = None
    """Prompt tokens read from the provider's cache. Left out: as much as others."""
    written: Dollars | None = None
    """Prompt tokens written to it. Left out: as much as others."""
    date: Day
    """The day on which the source said so."""
    source: str
    """Who says so, e.g. the address of a price list, "our contract"."""

    def cost(self, usage: Usage) -> float:
        """Dollars. Example: 1,000 tokens in and 100 out at $2 and $10 a million cost $0.003."""
        cached = self.input if self.cached is None else self.cached
        written = self.input if self.written is None else self.written
        plain = usage.prompt - usage.cached - usage.written
        total = plain * self.input + usage.cached * cached + usage.written * written
        return (total + usage.output * self.output) / 1e6

    def most(self, prompt_tokens: int, output_tokens: int) -> float:
        """Dollars that so many tokens can cost at most, however the cache is used."""
        dearest = max(self.input, self.cached or 0, self.written or 0)
        return (prompt_tokens * dearest + output_tokens * self.output) / 1e6

    def terms(self) -> str:
        """The price on one line. Example: "in 2, cached 0.2, out 10 on 2026-09-22"."""
        parts = {"in": self.input, "cached": self.cached, "written": self.written}
        parts |= {"out": self.output}
        said = ", ".join(f"{name} {usd:g}" for name, usd in parts.items() if usd is not None)
        return f"{said} on {self.date}"


def find_price(model: str, host: str) -> Price | None:
    """The price of a model at a host, the user's own before the shipped one; None: not known.

    Example: find_price("gpt-6-sol", "api.openai.com").input

    Raises:
        ReadingError: a price table is not one; the message says where and why.
    """
    for file in list_tables():
        for price in read_prices(file):
            if (price.model, price.host) == (model, host):
                return price
    return None


def list_tables() -> Iterable[Path]:
    """The price tables, the first that knows a model being right.

    The user's are the file that WORKBENCH_PRICES names, and prices.yaml in the folder one works in.
    """
    named = os.environ.get("WORKBENCH_PRICES")
    if named:
        yield project_folder() / Path(named).expanduser()
    own = project_folder() / "prices.yaml"
    if own.exists():
        yield own
    yield SHIPPED


def read_prices(file: Path) -> list[Price]:
    """The prices of a table: a YAML list, each with the fields of `Price`.

    Raises:
        ReadingError: the file is no such list.
    """
    located = read_yaml(file)
    prices, problems = fit_items(located, list, Price)
    known: dict[tuple[str, str], int] = {}
    for place, price in prices.items():
        if known.setdefault(who := (price.model, price.host), place) != place:
            text = f"{who[0]} at {who[1]} has two prices; leave the one that is right"
            problems.append(located.problem((place,), "two_prices", text))
    if found := [*located.problems, *problems]:
        raise ReadingError(found)
    return list(prices.values())


def dollars(usd: float | None) -> str:
    """Money to read. Example: 1234.5 -> "$1,234.50", 0.012 -> "$0.0120" """
    if usd is None:
        return "an unknown sum"
    if 0 < usd < 0.0001:
        return "less than $0.0001"
    return f"${usd:,.4f}" if 0 < usd < 0.1 else f"${usd:,.2f}"
