"""A model over the API: asked for one answer or for many, with everything it costs on record."""

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel
from tqdm import tqdm

from workbench.api.breaker import Patience
from workbench.api.call import Answer, Call, CallError, Messages, Request, plain_messages
from workbench.api.calling import Line
from workbench.api.endpoint import find_endpoint
from workbench.api.ledger import Caller, Entry, Ledger, LedgerError
from workbench.api.portal import run, run_all, visit
from workbench.api.prices import Price, dollars, find_price
from workbench.api.spending import CapError, open_spending
from workbench.api.structured import (
    AnswerError,
    ask_for_json,
    ask_to_repair,
    describe_format,
    read_answer,
)
from workbench.models import MAX_NEW_TOKENS, ModelError, Reply
from workbench.run import Run

_OURS = {"model", "messages", "n", "stream", "stream_options", "response_format", "timeout"}
_OURS |= {"max_completion_tokens", "api_key", "base_url", "extra_headers", "extra_body"}
"""Parameters that nobody else may set; keys and addresses come from the environment alone."""

SLOW_S = 900
"""For one attempt at a server on this machine, which may take calls one after the other."""

FREE = "if it passes calls on to one who charges, put the price into prices.yaml to have a cap"
"""What is said of a server on this machine that no price table knows."""


@dataclass(frozen=True)
class Estimate:
    """What requests would take, before any is sent."""

    calls: int
    known: int
    """Of them those that the ledger can answer, at no cost."""
    prompt_tokens: int
    """Of the others, estimated: a token for each four letters."""
    output_tokens: int
    """Of the others, at most: if every answer took all its room, or as many as was said."""
    cost_usd: float | None
    """Of these tokens; None: no price is known."""
    most_usd: float | None
    """With prompts at a token a byte, which no tokenizer exceeds. A cap of this is never hit by
    calls that need one attempt each."""

    def __str__(self) -> str:
        cost = "no price is known"
        if self.cost_usd is not None:
            cost = f"about {dollars(self.cost_usd)}, at most {dollars(self.most_usd)} if none fails"
        return (
            f"{self.calls:,} calls, {self.known:,} of them answered already; the others take about"
            f" {self.prompt_tokens:,} tokens of prompts and at most {self.output_tokens:,} of"
            f" answers: {cost}"
        )


class ApiModel:
    """A model behind an OpenAI-compatible endpoint. Get one with `open_model`."""

    def __init__(self, line: Line, max_tokens: int, at_once: int, parameters: dict[str, Any]):
        self.line = line
        self.max_tokens, self.at_once, self.parameters = max_tokens, at_once, parameters

    @property
    def name(self) -> str:
        """Example: "api/gpt-6-sol"."""
        return f"api/{self.line.caller.model}"

    def __repr__(self) -> str:
        return f"<{self.describe()}>"

    def describe(self) -> str:
        """Who answers, at which price, under which cap: for the reader of a notebook."""
        caller, price, cap_usd = self.line.caller, self.line.price, self.line.cap_usd
        terms = "no price is known, so nothing caps what it costs"
        if self.line.endpoint.is_near:
            terms = f"on this machine, taken to cost nothing ({FREE})"
        if price:
            terms = f"{price.terms()}, dollars a million tokens ({price.source})"
            terms += f"; the run may cost {dollars(cap_usd)}" if cap_usd is not None else "; no cap"
        return f"{caller.role}: {self.name} at {caller.host}; {terms}"

    async def ask(
        self,
        messages: Messages,
        schema: type[BaseModel] | None = None,
        repeat: int = 0,
        max_tokens: int = 0,
        name: str = "",
    ) -> Answer:
        """The answer to some messages, in any event loop. See `Request` for what is asked.

        What was asked before is answered from the ledger. An answer that does not fit its schema
        is sent back once to be repaired. A call that fails for itself gives an answer that says so.

        Example: (await model.ask([{"role": "user", "content": "Hello"}])).text

        Raises:
            StoppedError: no call can be made for now, or (CapError) the cap is reached.
            RunError: another process is making calls for this run.
            CallError: what is asked cannot be asked.
        """
        request = Request(messages, schema, repeat, max_tokens, name)
        return await self.answer(request)

    async def answer(self, request: Request) -> Answer:
        """The answer to a request: `ask` with everything in one."""
        return await visit(self._answer(request))

    def reply(
        self,
        batch: Sequence[Messages],
        max_new_tokens: int = MAX_NEW_TOKENS,
        names: Sequence[Hashable] = (),
    ) -> list[Reply]:
        """The next message in each conversation: what a `LocalModel` does, over the API.

        Raises:
            CallError: one has none. The others are in the ledger.
            StoppedError: no call can be made for now.
        """
        requests = [Request(messages, max_tokens=max_new_tokens) for messages in batch]
        replies = []
        for answer in ask_all(self, requests, progress=False):
            usage = answer.usage
            replies.append(
                Reply(
                    answer.text.strip(),
                    usage.prompt if usage else 0,
                    usage.output if usage else 0,
                    answer.seconds,
                    usage.cached if usage else 0,
                )
            )
        return replies

    def estimate(self, requests: Iterable[Request | Messages], answer_tokens: int = 0) -> Estimate:
        """What requests would take: a dry run, nothing is sent.

        `answer_tokens` is what an answer is thought to take; 0: all its room.
        """
        return run(self._estimate(requests, answer_tokens))

    async def _estimate(
        self, requests: Iterable[Request | Messages], answer_tokens: int
    ) -> Estimate:
        line, counts, usd = self.line, [0, 0, 0, 0], [0.0, 0.0]
        with line.spending.ledger.use() as ledger:
            for request in map(_as_request, requests):
                call = self._make_call(request)
                counts[0] += 1
                if ledger.find(call.id):
                    counts[1] += 1
                    continue
                counts[2] += call.likely_prompt_tokens
                likely = min(answer_tokens or call.max_tokens, call.max_tokens)
                counts[3] += likely
                if line.price:
                    usd[0] += line.price.most(call.likely_prompt_tokens, likely)
                    usd[1] += line.most_usd(call, call.max_tokens)
        return Estimate(*counts, *(usd if line.price else (None, None)))

    async def _answer(self, request: Request) -> Answer:
        call, schema = self._make_call(request), request.schema
        # the second time around is the one attempt at a repair
        for _ in range(2):
            try:
                entry, is_known = await self.line.complete(call)
            except CallError as error:
                return Answer(request, failure=str(error), is_lasting=error.is_lasting)
            answer = _fill_in(request, entry, is_known)
            if schema is None or answer.failure:
                return answer
            try:
                return replace(answer, _parsed=read_answer(entry.answer, schema, request.check))
            except AnswerError as error:
                fault = error
            call = replace(call, messages=ask_to_repair(call.messages, entry.answer, fault))
        return replace(
            answer,
            failure=f"{self.name} gave twice what does not fit {schema.__name__} ({fault}); ask for"
            " less, or take another model",
        )

    def _make_call(self, request: Request) -> Call:
        messages, schema = plain_messages(request.messages), request.schema
        parameters = dict(self.parameters)
        if isinstance(parameters.get("seed"), int):
            parameters["seed"] += request.repeat
        return Call(
            self.line.caller,
            self.line.endpoint.id,
            ask_for_json(messages, schema) if schema else messages,
            parameters,
            request.max_tokens or self.max_tokens,
            describe_format(schema) if schema else None,
            request.repeat,
            request.as_it_comes,
        )


def open_model(
    name: str,
    run: Run,
    role: str,
    cap_usd: float | None = None,
    max_tokens: int = 1024,
    at_once: int = 32,
    patience: Patience | None = None,
    **parameters: Any,
) -> ApiModel:
    """A model over the API, such as "api/gpt-6-sol", for one role in a run.

    Where it is and the key it wants are in the environment: `find_endpoint`. `cap_usd` is what the
    run may cost in all, every role and earlier sessions included; it needs a known price, unless
    the server is on this machine, and counts no models that have none.
    Such a server has more time, too, unless `patience` says how much. `max_tokens` is the room for
    an answer, and what a cap has to reckon with. Further parameters, such as temperature=0.7 or
    seed=7, go to the provider as they are.

    Example: open_model("api/gpt-6-sol", run, role="teacher", cap_usd=5).describe()

    Raises:
        ModelError: the name, the role or a number makes no sense.
        EndpointError: no provider is set.
        CapError: there is a cap and no price.
        LedgerError: the run has calls at another price.
    """
    _check_terms(name, role, cap_usd, max_tokens, at_once, parameters)
    endpoint = find_endpoint(role)
    caller = Caller(role, name.removeprefix("api/"), endpoint.host)
    price = find_price(caller.model, caller.host)
    if cap_usd is not None and price is None and endpoint.is_near:
        # a machine of one's own takes nothing for a token
        cap_usd = None
    elif cap_usd is not None and price is None:
        raise CapError(
            f"nothing can be capped, as no price is known for {caller.model} at {caller.host}; put"
            " one into prices.yaml in the folder you work in, as its model, host, input, output,"
            " date and source, or have no cap, which is 0 in a notebook"
        )
    spending = open_spending(run)
    _check_prices(spending.ledger, caller, price)
    patience = patience or (Patience(timeout_s=SLOW_S) if endpoint.is_near else Patience())
    line = Line(endpoint, caller, price, spending, cap_usd, at_once, patience)
    return ApiModel(line, max_tokens, at_once, parameters)


def ask_all(
    model: ApiModel,
    requests: Iterable[Request | Messages],
    in_order: bool = True,
    progress: bool = True,
    total: int | None = None,
) -> Iterator[Answer]:
    """The answers to many requests, as they come, in the order of the requests unless told not to.

    Requests are taken as they are needed and answers are not kept, so that ten thousand take no
    more memory than a hundred. A bar shows rate and dollars. A failed call gives an answer that
    says so; what stops all calls is raised, and asking the same again goes on from there.

    Example: texts = [answer.text for answer in ask_all(model, requests)]

    Raises:
        StoppedError: no call can be made for now, or (CapError) the cap is reached.
        RunError: another process is making calls for this run.
    """
    if total is None and hasattr(requests, "__len__"):
        total = len(requests)
    requests = map(_as_request, requests)
    n_failed, role = 0, model.line.caller.role
    with tqdm(total=total, desc=role, unit="call", mininterval=1, disable=not progress) as bar:
        for answer in run_all(model.answer, requests, model.at_once, in_order):
            n_failed += bool(answer.failure)
            cost = model.line.describe_cost()
            bar.set_postfix_str(f"{cost}, {n_failed} failed" if n_failed else cost, refresh=False)
            bar.update()
            yield answer


def _as_request(given: Request | Messages) -> Request:
    return given if isinstance(given, Request) else Request(given)


def _fill_in(request: Request, entry: Entry, is_known: bool) -> Answer:
    failure = f"was refused: {entry.answer}" if entry.state == "refused" else ""
    facts = (entry.usage, entry.cost_usd, entry.seconds, is_known)
    return Answer(request, failure, bool(failure), *facts, _text=entry.answer)


def _check_terms(
    name: str,
    role: str,
    cap_usd: float | None,
    max_tokens: int,
    at_once: int,
    parameters: dict[str, Any],
) -> None:
    if not re.fullmatch(r"api/[!-~]{1,200}", name):
        raise ModelError(f'"{name}" is no model over the API; name one like api/gpt-6-sol')
    if not re.fullmatch(r"[a-z]{1,20}", role):
        raise ModelError(f'"{role}" is no role; it is teacher, customer, agent or judge')
    is_number = isinstance(cap_usd, int | float) and not isinstance(cap_usd, bool)
    if cap_usd is not None and not (is_number and cap_usd >= 0):
        raise ModelError(f"cap_usd is {cap_usd}, but must be dollars, 0 or more, or left out")
    for what, number in (("max_tokens", max_tokens), ("at_once", at_once)):
        if type(number) is not int or number < 1:
            raise ModelError(f"{what} is {number}, but must be a whole number from 1 on")
    if ours := sorted(_OURS & set(parameters)):
        raise ModelError(f"{ours[0]} cannot be set here; leave it out")


def _check_prices(ledger: Ledger, caller: Caller, price: Price | None) -> None:
    """Refuse to add up what was paid at different prices."""
    now = price and price.terms()
    for then in ledger.list_terms(caller) if ledger.file.exists() else ():
        if then != now:
            raise LedgerError(
                f"{ledger.file} has calls of {caller.model} at {caller.host} for"
                f" {then or 'an unknown price'}, and the price table has"
                f" {now or 'none for it'} now; put the old price back, or give the run a new name"
            )
