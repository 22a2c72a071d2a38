"""Sending: one attempt at one call, and what became of it, as data; nothing is raised."""

import asyncio
import email.utils
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from workbench.api.prices import Usage

BUSY = {408, 409, 425, 429}
"""Status codes that say: later. So do those from 500 on."""

WAITED = {504, 524}
"""Status codes of a gateway that passed the call on and gave up waiting: it may be paid for."""

_BROKE = re.compile(r"insufficient[ _](?:quota|credits?|balance|funds)|credit balance", re.I)
_NOT_SENT = {"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "ProxyError"}
_MOST_TOKENS = 10**9


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt."""

    state: str
    """As the ledger has it: answered, refused, unusable, failed or unknown."""
    text: str = ""
    """The answer, what there is of one that was cut off, or why the model would not give one."""
    usage: Usage | None = None
    trouble: str = ""
    """What went wrong, e.g. "was turned away (503: overloaded)". Completes "it ..."."""
    is_final: bool = False
    """Whether asking once more cannot help this call."""
    stop: str = ""
    """Why no call can be made at all now: "key", "money", "model", or "" if others may."""
    wait_s: float | None = None
    """How long the provider asked to wait."""
    is_limited: bool = False
    """Whether it was one of too many at a time: no fault of its own."""
    is_cut: bool = False
    """Whether the reply ran into the limit of tokens."""
    is_silent: bool = False
    """Whether the reply is whole and has no words in it."""
    is_thinking: bool = False
    """Whether the model thought before it spoke: more room may let it."""
    answered_by: str | None = None
    """The model's name in the reply: it may be a certain version of the one that was asked."""
    seconds: float = 0.0


async def send(client: Any, body: dict[str, Any], timeout_s: float) -> Outcome:
    """Make one attempt with an asynchronous client of openai's; it never raises.

    `timeout_s` is from sending to the last byte, so that a reply that trickles ends, too.
    """
    from openai import APIConnectionError, APIStatusError

    start = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s):
            # the client's own method for chats does no more, but takes a while to look at it all
            content = await client.post(
                "/chat/completions", cast_to=bytes, body=body, options={"timeout": timeout_s}
            )
            outcome = read_reply(content)
    except APIStatusError as error:
        outcome = read_status(error.status_code, error.response.headers, error.response.content)
    except APIConnectionError as error:
        outcome = read_fault(error)
    except TimeoutError:
        outcome = Outcome("unknown", trouble=f"had no reply within {timeout_s:g} seconds")
    # whatever else a client comes upon: its text may quote headers, so only its kind is kept
    except Exception as error:
        outcome = Outcome("unknown", trouble=f"broke off ({type(error).__name__})")
    return replace(outcome, seconds=time.perf_counter() - start)


def read_reply(content: bytes) -> Outcome:
    """What a reply with status 200 holds."""
    try:
        reply = json.loads(content)
    except (ValueError, RecursionError):
        return Outcome("unusable", trouble="had a reply that is not JSON")
    if not isinstance(reply, dict):
        return Outcome("unusable", trouble="had a reply that is no object")
    usage = read_usage(reply.get("usage"))
    choices = reply.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        # some gateways say so with status 200
        trouble = "had a reply without a choice"
        if error := reply.get("error"):
            trouble += f" ({_shorten(_message_of(error))})"
        return Outcome("unusable", usage=usage, trouble=trouble)
    refusal, text = _mend(message.get("refusal")), _mend(_join_parts(message.get("content")))
    text, has_thoughts = _drop_thoughts(text)
    why, name = choice.get("finish_reason"), _shorten(_mend(reply.get("model"))) or None
    if refusal or why == "content_filter":
        return Outcome(
            "refused", refusal or "its provider's filter", usage, "was refused", is_final=True
        )
    if why == "length":
        trouble = "had a reply that was cut off at the limit of tokens"
        thought = message.get("reasoning_content") or message.get("reasoning")
        is_thinking = bool(has_thoughts or thought or (usage and usage.reasoning))
        return Outcome(
            "unusable",
            text,
            usage,
            trouble,
            is_cut=True,
            is_thinking=is_thinking,
            answered_by=name,
        )
    if not text.strip():
        trouble = "had an empty reply"
        return Outcome("unusable", "", usage, trouble, is_silent=True, answered_by=name)
    return Outcome("answered", text, usage, answered_by=name)


def read_usage(usage: Any) -> Usage | None:
    """The provider's count of tokens; None if it gives none that can be right."""
    if not isinstance(usage, dict):
        return None
    prompt, output = usage.get("prompt_tokens"), usage.get("completion_tokens")
    # some count nothing, and say 0: no prompt has no tokens
    if not _is_count(prompt) or not _is_count(output) or not prompt:
        return None
    if _is_count(total := usage.get("total_tokens")):
        # some leave reasoning out of the completion, and charge for it all the same
        output = max(output, total - prompt)
    inner = usage.get("prompt_tokens_details") or {}
    outer = usage.get("completion_tokens_details") or {}
    cached, written = _count(inner, "cached_tokens"), _count(inner, "cache_write_tokens")
    cached = min(cached, prompt)
    reasoning = min(_count(outer, "reasoning_tokens"), output)
    return Usage(prompt, output, cached, min(written, prompt - cached), reasoning)


def read_status(status: int, headers: Mapping[str, str], content: bytes) -> Outcome:
    """What a status code that is no success means."""
    try:
        error = json.loads(content)
    except (ValueError, RecursionError):
        error = {}
    error = error.get("error", error) if isinstance(error, dict) else error
    code = error.get("code") if isinstance(error, dict) else None
    said = _message_of(error)
    stop = ""
    if status == 402 or code == "insufficient_quota" or _BROKE.search(said):
        stop = "money"
    elif status == 401 or (status == 403 and not re.search("moderat|flagged", said, re.I)):
        stop = "key"
    elif status == 404:
        stop = "model"
    is_busy = status in BUSY or status >= 500
    # what is said of a key may quote it
    said = "" if stop == "key" else _shorten(said)
    return Outcome(
        "unknown" if status in WAITED else "failed",
        trouble=f"was turned away ({status}{': ' if said else ''}{said})",
        is_final=not is_busy,
        stop=stop,
        wait_s=read_wait(headers) if is_busy else None,
        is_limited=status == 429,
    )


def read_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After asks for: a number, or a date; None if it makes no sense."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        if re.fullmatch(r"\s*\d{1,9}(\.\d+)?\s*", value := headers.get(name) or ""):
            return float(value) / unit
    try:
        moment = email.utils.parsedate_to_datetime(headers.get("retry-after") or "").timestamp()
    # a zone may be off by more than there are seconds
    except (ValueError, OverflowError):
        return None
    return max(0.0, moment - time.time())


def read_fault(error: Exception) -> Outcome:
    """What it means that the connection failed: whether the call can have reached the provider."""
    cause = type(error.__cause__ or error).__name__
    if cause in _NOT_SENT:
        return Outcome("failed", trouble=f"did not reach it ({cause})")
    if "Timeout" in cause:
        return Outcome("unknown", trouble="had no reply in time")
    return Outcome("unknown", trouble=f"broke off ({cause})")


def _message_of(error: Any) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else ""


def _join_parts(content: Any) -> Any:
    """What is said; some give it in parts, with what the model thought as parts of another type."""
    if not isinstance(content, list):
        return content
    said = [p for p in content if isinstance(p, dict) and p.get("type") == "text"]
    return "".join(part["text"] for part in said if isinstance(part.get("text"), str))


def _drop_thoughts(text: str) -> tuple[str, bool]:
    """What is said without the thoughts that some servers leave before it; whether there were any.

    Example: "<think>A latte, so</think>Which size?" -> ("Which size?", True)
    """
    _, end, said = text.rpartition("</think>")
    if end or text.lstrip().startswith("<think>"):
        return said.lstrip() if end else "", True
    return text, False


def _mend(text: Any) -> str:
    """A text without half letters (lone surrogates), which no file takes; "" for what is none."""
    return text.encode(errors="replace").decode() if isinstance(text, str) else ""


def _shorten(text: str, most: int = 200) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    # between words: of a key that is quoted in it, half would be known to nobody as a key
    return text if len(text) <= most else f"{text[: most + 1].rpartition(' ')[0]}..."


def _is_count(number: Any) -> bool:
    return type(number) is int and 0 <= number <= _MOST_TOKENS


def _count(details: Any, name: str) -> int:
    number = details.get(name) if isinstance(details, dict) else 0
    return number if _is_count(number) else 0
