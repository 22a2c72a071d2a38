"""The costs that the method's paper prints, worked out again from the inputs that it names.

The paper is arXiv 2605.22502v1, read here as several readers have transcribed it, who agree on each
of these numbers; its sibling, from which it takes its baselines, is arXiv 2604.27891, read in full.
What comes of it (`check_claims` has every number):

- $0.05 and $0.23 per million tokens, and 65 times per token, follow from $2.50 an hour, 15,000 and
  3,000 tokens a second and $3 and $15. They are of a GPU that is never idle.
- 128, 296 and 462 times do not follow from the costs printed beside them (133, 343 and 467 do), but
  lie within those costs' rounding. 77 to 249 times as much as LangGraph follow from rounded costs.
- $0.0010 for a travel conversation follows if each turn reads all before it again. $0.0003 for Zoom
  follows neither so nor with a prefix cache, $0.0007 for insurance only with one at work in part.
- The in-context costs do not follow from the sibling's tokens: they would need more tokens of
  replies than the whole conversation has words for. The sibling prints 1.29 to 1.47 times less.
- The prompt's volume, 2 times for travel, follows; 7 times for insurance does not (2.4).
- "Within 500 conversations" holds for insurance; for the others only near the lower of the two
  sums ($50 and $80) said to be spent once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from workbench.api.prices import Price
from workbench.evaluate.costs import Server, Tokens, cost_api, cost_own, price_tokens
from workbench.evaluate.multiples import chain_ratios, share_ratio

GPU = Server(hour_usd=2.5, read_per_s=15_000, write_per_s=3_000)
"""An A100 of 80 GB, reserved, with vLLM at 64 talks at once: the paper's section on cost."""

SONNET = Price(
    model="claude-sonnet-4-5",
    host="api.anthropic.com",
    input=3.0,
    output=15.0,
    cached=0.3,
    written=3.75,
    date=date(2026, 3, 1),
    source="arXiv 2605.22502v1, section on cost; cache reads at 0.1 and writes at 1.25 are ours",
)
"""What the paper's baselines were paid by. It uses no cache."""

ONCE_USD = (50.0, 80.0)
"""Data ($40) and training ($10 to $40), spent once: the paper's section on cost."""

MOST_REPLY_TOKENS = 1400 * 1.5
"""No more tokens than both parties' words: 1,400 at most (section on efficiency), at 1.5 a word."""

CAUSES = ("small model", "short prompt", "cache")
"""What makes a compiled model cheaper than a large one with the procedure in its prompt. A cache
serves both, so its factor is what it brings beside the others."""


@dataclass(frozen=True)
class Procedure:
    """What is printed of one procedure."""

    name: str
    in_context_usd: float
    """Of a conversation with the procedure in the prompt: Table 6."""
    langgraph_usd: float
    """Under LangGraph: Table 6, and the sibling's."""
    compiled_usd: float
    """Of the compiled model: Table 6."""
    multiple: float
    """How many times as much in-context is: Table 6 and the abstract."""
    sibling_usd: float
    """The same in-context condition in the sibling's table of costs."""
    sibling_tokens: float
    """Tokens of its conversation, prompts and replies: the sibling's same table."""
    calls: float
    """Its calls in a conversation: the sibling's same table."""
    system: float
    """Tokens of the prompt with the procedure. Travel: 6,011 characters, insurance "about 4,000"
    (the sibling's appendix); Zoom's is our guess."""

    @property
    def unrounded_usd(self) -> float:
        """The compiled cost that the printed multiple stands on: in_context_usd / multiple."""
        return self.in_context_usd / self.multiple

    @property
    def in_context(self) -> Tokens:
        """Tokens in and out that make both the sibling's number of tokens and its cost.

        prompt + reply = tokens, 3 × prompt + 15 × reply = cost × 1e6. The cache has all but the
        last prompt, which in talks that grow evenly is the system prompt and twice the mean of
        what is said before.
        """
        millionth = self.sibling_usd * 1e6
        reply = (millionth - SONNET.input * self.sibling_tokens) / (SONNET.output - SONNET.input)
        prompt = self.sibling_tokens - reply
        talk = prompt - self.calls * self.system
        return Tokens(prompt, reply, prompt - self.system - 2 * talk / self.calls)

    @property
    def compiled(self) -> Tokens:
        """The same talk without the procedure in its prompts."""
        long = self.in_context
        prompt = long.prompt - self.calls * self.system
        return Tokens(prompt, long.reply, prompt - 2 * prompt / self.calls)


PROCEDURES = (
    Procedure("travel", 0.133, 0.077, 0.0010, 128, 0.103, 27_687, 8.7, 1500),
    Procedure("zoom", 0.103, 0.054, 0.0003, 296, 0.076, 21_429, 6.9, 1500),
    Procedure("insurance", 0.327, 0.174, 0.0007, 462, 0.223, 68_132, 10.0, 4000),
)


@dataclass(frozen=True)
class Claim:
    """A printed number beside what its inputs give."""

    name: str
    where: str
    """Where it stands."""
    printed: float
    unit: float
    """Of its last printed digit: 0.133 is true to 0.001."""
    rebuilt: float
    """From the inputs as printed."""
    low: float | None = None
    """Least that the inputs can give, as far as they are rounded or open; None: as rebuilt."""
    high: float | None = None
    is_most: bool = False
    """The number is said to be a bound: "within 500"."""

    @property
    def verdict(self) -> str:
        """follows: rebuilt to the last printed digit (or under the bound); within: only by what
        rounding and open inputs allow; does not follow."""
        low = self.rebuilt if self.low is None else self.low
        high = self.rebuilt if self.high is None else self.high
        slack = self.unit / 2 * (1 + 1e-9)
        if self.is_most:
            return _judge(high <= self.printed, low <= self.printed)
        return _judge(
            abs(self.rebuilt - self.printed) <= slack,
            low - slack <= self.printed <= high + slack,
        )


def check_claims() -> list[Claim]:
    """Every published number of cost with what its inputs give, in the paper's order.

    Example: the first is $0.05 per million tokens read; 2.5 / 3,600 / 15,000 × 1e6 is 0.0463, which
    follows.
    """
    return [*_check_tokens(), *(claim for one in PROCEDURES for claim in _check_procedure(one))]


def cost_published(procedure: Procedure, at_work: frozenset[str]) -> float:
    """Dollars of a conversation with some of the `CAUSES` at work; with none the sibling's."""
    tokens = procedure.compiled if "short prompt" in at_work else procedure.in_context
    is_cached = "cache" in at_work
    if "small model" in at_work:
        return cost_own(tokens, GPU, is_cached)
    return cost_api(tokens, SONNET, is_cached)


def chain_published(procedure: Procedure) -> dict[str, float]:
    """The multiple by cause, taken in the order of `CAUSES`."""
    names = ("large model, procedure in the prompt", *CAUSES)
    return chain_ratios(
        {
            name: cost_published(procedure, frozenset(CAUSES[:number]))
            for number, name in enumerate(names)
        }
    )


def share_published(procedure: Procedure) -> dict[str, float]:
    """The multiple by cause, whatever the order: see `share_ratio`."""
    return share_ratio(lambda at_work: cost_published(procedure, at_work), CAUSES)


def _check_tokens() -> Iterator[Claim]:
    read_usd, write_usd = price_tokens(GPU)
    where = "section on cost"
    yield Claim("$ per million tokens read", where, 0.05, 0.01, read_usd)
    yield Claim("$ per million tokens written", where, 0.23, 0.01, write_usd)
    yield Claim("times cheaper per token read", where, 65, 1, SONNET.input / read_usd)
    yield Claim("times cheaper per token written", where, 65, 1, SONNET.output / write_usd)


def _check_procedure(one: Procedure) -> Iterator[Claim]:
    table, cost = "Table 6", "section on cost"
    yield Claim(
        f"{one.name}: times cheaper than in-context",
        table,
        one.multiple,
        1,
        one.in_context_usd / one.compiled_usd,
        (one.in_context_usd - 0.0005) / (one.compiled_usd + 0.00005),
        (one.in_context_usd + 0.0005) / (one.compiled_usd - 0.00005),
    )
    yield Claim(
        f"{one.name}: times cheaper than in-context, at the sibling's cost",
        table,
        one.multiple,
        1,
        one.sibling_usd / one.unrounded_usd,
    )
    yield Claim(
        f"{one.name}: $ of the compiled model",
        table,
        one.compiled_usd,
        0.0001,
        cost_own(one.compiled, GPU, is_cached=False),
        cost_own(one.compiled, GPU),
    )
    yield Claim(
        f"{one.name}: $ in-context",
        table,
        one.in_context_usd,
        0.001,
        cost_api(one.in_context, SONNET, is_cached=False),
        SONNET.input * one.sibling_tokens / 1e6,
        _most_usd(one),
    )
    langgraph = {"travel": 77, "insurance": 249}
    if one.name in langgraph:
        yield Claim(
            f"{one.name}: times cheaper than LangGraph",
            cost,
            langgraph[one.name],
            1,
            one.langgraph_usd / one.compiled_usd,
        )
    volume = {"travel": 2, "insurance": 7}
    if one.name in volume:
        total = one.compiled.prompt + one.compiled.reply
        yield Claim(
            f"{one.name}: times more tokens", cost, volume[one.name], 1, one.sibling_tokens / total
        )
    least, most = (usd / (one.in_context_usd - one.unrounded_usd) for usd in ONCE_USD)
    yield Claim(
        f"{one.name}: conversations to break even, within",
        cost,
        500,
        1,
        most,
        least,
        is_most=True,
    )
    yield Claim(
        f"{one.name}: $ a conversation beyond 10,000, under",
        cost,
        0.01,
        0.01,
        ONCE_USD[1] / 10_000 + one.unrounded_usd,
        is_most=True,
    )


def _most_usd(one: Procedure) -> float:
    """As much as the sibling's tokens can cost if replies have all words of the conversation."""
    prompt = one.sibling_tokens - MOST_REPLY_TOKENS
    return cost_api(Tokens(prompt, MOST_REPLY_TOKENS), SONNET, is_cached=False)


def _judge(follows: bool, is_within: bool) -> str:
    return "follows" if follows else "within" if is_within else "does not follow"
