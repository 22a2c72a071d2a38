"""What conversations cost: tokens, seconds and dollars of the tested agent alone.

Customer and judge are in no figure: they are part of a test, not of a service. Dollars are US
dollars; a month has 730 hours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from workbench.api.prices import Price, Usage

HOURS = 730
"""Hours of a month: 8,760 of a year by 12."""


@dataclass(frozen=True)
class Tokens:
    """Tokens of the agent in one conversation, or in a mean one."""

    prompt: float
    """Of all its prompts together; what was said before is in each of them again."""

    reply: float
    cached: float = 0.0
    """Of the prompts' those whose state a cache can have, so that they need not be read again."""

    def __post_init__(self):
        _check_amounts(self)
        if self.cached > self.prompt:
            raise ValueError(
                f"{self.cached:g} tokens are cached but prompts have {self.prompt:g}; cached ones"
                " are a part of the prompts'"
            )


@dataclass(frozen=True)
class Server:
    """A machine of one's own and how fast it is, with as many talks at once as it can take."""

    hour_usd: float
    """Price of an hour, e.g. 2.5 for a rented GPU, or what a CPU costs in power and wear."""

    read_per_s: float
    """Tokens of prompts that it reads a second, of all talks together; measured."""

    write_per_s: float
    """Tokens of replies that it writes a second, of all talks together; measured."""

    utilization: float = 1.0
    """Share of the paid time in which it works so, over 0 and at most 1."""

    def __post_init__(self):
        _check_amounts(self)
        _check_over_zero(self, "read_per_s", "write_per_s", "utilization")
        _check_share(self.utilization)


@dataclass(frozen=True)
class Fleet:
    """Machines that wait for conversations: paid by the hour, whether anybody talks or not."""

    hour_usd: float
    """Price of an hour of one machine."""

    seconds: float
    """Seconds of a machine that one conversation takes: see `count_seconds`."""

    most_busy: float = 0.5
    """Share of a month that a machine can work; the rest is nights, and room for the peak."""

    least: int = 1
    """Machines that are paid for even if nobody comes."""

    def __post_init__(self):
        _check_amounts(self)
        _check_over_zero(self, "seconds", "most_busy")
        _check_share(self.most_busy)

    @property
    def each(self) -> float:
        """Conversations a month that a machine can hold: 730 × 3,600 × most_busy / seconds."""
        return HOURS * 3600 * self.most_busy / self.seconds

    @property
    def month_usd(self) -> float:
        """Dollars a month of one machine: 730 × hour_usd."""
        return HOURS * self.hour_usd

    def count_machines(self, load: float) -> int:
        """Machines for a load in conversations a month: load / each, rounded up, `least` at least.

        Example: of 1 second each at 50 % busy, a machine holds 1,314,000, so 2,000,000 need 2.
        """
        _check_load(load)
        # what is full to the last conversation needs no machine more because of a rounding error
        return max(self.least, math.ceil(load / self.each * (1 - 1e-12)))

    def cost(self, load: float) -> float:
        """Dollars a conversation, idle hours included: machines × month_usd / load; inf at 0."""
        monthly = self.count_machines(load) * self.month_usd
        return monthly / load if load else math.inf


def count_tokens(
    system: float,
    customer: Sequence[float],
    replies: Sequence[float],
    keeps_replies: bool = True,
    shares_system: bool = False,
) -> Tokens:
    """The agent's tokens in a conversation that it opens, from the length of each message.

    Prompt t is the system prompt and all that was said before reply t: P(1) = system, and
    P(t) = P(t-1) + reply t-1 + customer t-1. Prompt and reply are their sums. A prefix cache has
    P(t-1), and the reply t-1 too if it `keeps_replies` (one's own server; a provider's caches what
    was sent). If it `shares_system`, other talks have left the system prompt in it before.

    Example: count_tokens(100, [10], [20, 30]) reads 100, then 100 + 20 + 10 tokens; the cache has
    the first 100 + 20 of those -> Tokens(prompt=230, reply=50, cached=120)

    Raises:
        ValueError: the customer does not speak once between two replies.
    """
    if len(customer) != len(replies) - 1:
        raise ValueError(
            f"{len(replies)} replies need {len(replies) - 1} customer messages between them, not"
            f" {len(customer)}; leave out what is said after the last reply"
        )
    prompt = total = float(system)
    cached = float(system) if shares_system else 0.0
    for said, before in zip(customer, replies, strict=False):
        cached += prompt + (before if keeps_replies else 0)
        prompt += before + said
        total += prompt
    return Tokens(total, float(sum(replies)), cached)


def cost_api(tokens: Tokens, price: Price, is_cached: bool = True) -> float:
    """Dollars of a conversation with a model over the API.

    Without a cache prompt × input + reply × output; with it
    cached × price.cached + (prompt − cached) × price.written + reply × output, a million each.
    Prices that a table leaves out are the input's. It holds while the provider keeps its cache, and
    for prompts that are long enough for it.

    Example: 1,000 prompt tokens, 600 of them cached, and 100 of replies at $3, $15 and $0.30 for
    reads cost $0.0045 without and (600 × 0.3 + 400 × 3 + 100 × 15) / 1e6 = $0.00288 with the cache.
    """
    if not is_cached:
        return price.cost(Usage(tokens.prompt, tokens.reply))
    return price.cost(
        Usage(tokens.prompt, tokens.reply, tokens.cached, tokens.prompt - tokens.cached)
    )


def count_seconds(tokens: Tokens, server: Server, is_cached: bool = True) -> float:
    """Seconds of a server that a conversation takes: read / read_per_s + reply / write_per_s.

    All prompts are read; with a prefix cache only what it does not have. Example: 15,000 tokens
    to read at 15,000 a second and 3,000 to write at 3,000 take 2 seconds.
    """
    read = tokens.prompt - tokens.cached if is_cached else tokens.prompt
    return read / server.read_per_s + tokens.reply / server.write_per_s


def cost_seconds(seconds: float, hour_usd: float, utilization: float = 1.0) -> float:
    """Dollars of so many seconds of a machine: seconds / 3,600 × hour_usd / utilization.

    Example: 2 seconds at $1.80 an hour cost $0.001; of a machine that is busy half the time
    $0.002, as the idle half is paid for too.
    """
    _check_share(utilization)
    return seconds / 3600 * hour_usd / utilization


def cost_own(tokens: Tokens, server: Server, is_cached: bool = True) -> float:
    """Dollars of a conversation on a server: `count_seconds` at its price and utilization."""
    seconds = count_seconds(tokens, server, is_cached)
    return cost_seconds(seconds, server.hour_usd, server.utilization)


def price_tokens(server: Server) -> tuple[float, float]:
    """Dollars per million tokens that a server reads and writes.

    hour_usd / utilization / 3,600 / tokens a second × 1e6. Example: $2.50 an hour, 15,000 and
    3,000 tokens a second, always full -> $0.0463 and $0.2315
    """
    second_usd = server.hour_usd / server.utilization / 3600
    return second_usd / server.read_per_s * 1e6, second_usd / server.write_per_s * 1e6


def break_even(once_usd: float, rival_usd: float, own_usd: float) -> int | None:
    """Conversations after which what was spent once is earned back; None: never.

    once_usd / (rival_usd − own_usd), rounded up; what is spent once is data, training and
    evaluation. Example: $80 at $0.133 against $0.001 are 607 conversations.
    """
    saved = rival_usd - own_usd
    if once_usd <= 0:
        return 0 if saved >= 0 else None
    return math.ceil(once_usd / saved * (1 - 1e-12)) if saved > 0 else None


MOST_TRIED = 1000
"""Numbers of machines that are tried one by one for a break-even in whole conversations."""


def break_even_load(
    fleet: Fleet, rival_usd: float, once_usd: float = 0.0, months: float = 1.0
) -> int | None:
    """Least conversations a month at which machines that also idle cost no more than a rival.

    What was spent once is spread over `months`, the time until the procedure changes. The least
    load L has machines × month_usd + once_usd / months = L × rival_usd, with as few machines as
    can hold L. Just above it one machine more may be needed, and cost more again. None: a full
    machine costs more than the conversations that it holds would cost at the rival.

    Example: a $2.50 machine is $1,825 a month: against $0.05 a conversation, 36,500.
    """
    _check_over_zero_value("months", months)
    spread = once_usd / months
    if rival_usd <= 0:
        return None
    gain = fleet.each * rival_usd - fleet.month_usd
    # with so many machines there is room for a whole conversation more than must be held
    first, last = (
        (
            max(fleet.least, math.ceil(most / gain * (1 - 1e-12)))
            for most in (spread, spread + rival_usd)
        )
        if gain > 0
        else (fleet.least, fleet.least)
    )
    for machines in [*range(first, min(last, first + MOST_TRIED)), last]:
        load = math.ceil((machines * fleet.month_usd + spread) / rival_usd * (1 - 1e-12))
        if fleet.count_machines(load) <= machines:
            return load
    return None


def draw_load(
    fleet: Fleet, loads: Sequence[float], once_usd: float = 0.0, months: float = 1.0
) -> list[tuple[float, float]]:
    """(load, dollars a conversation) for each load over 0, all costs included.

    fleet.cost(load) + once_usd / (months × load).
    """
    _check_over_zero_value("months", months)
    return [(load, fleet.cost(load) + once_usd / months / load) for load in loads if load > 0]


def _check_amounts(item: object) -> None:
    for field in fields(item):
        value = getattr(item, field.name)
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(
                f"{type(item).__name__}.{field.name} is {value}; give a number that is not negative"
            )


def _check_over_zero(item: object, *names: str) -> None:
    for name in names:
        _check_over_zero_value(f"{type(item).__name__}.{name}", getattr(item, name))


def _check_over_zero_value(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} is {value}; give a number over 0")


def _check_share(value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(f"a share of {value} cannot be; give one over 0 and at most 1")


def _check_load(load: float) -> None:
    if not (math.isfinite(load) and load >= 0):
        raise ValueError(f"a load of {load} conversations a month cannot be; give a number from 0")
