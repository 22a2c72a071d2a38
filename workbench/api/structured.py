"""Structured answers: JSON read out of what a model wrote, and checked against a schema."""

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from workbench.domain import fill_prompt

Schema = TypeVar("Schema", bound=BaseModel)

_MOST_STARTS = 50
_MOST_FAULTS = 5


class AnswerError(ValueError):
    """An answer does not fit its schema; the message says where not."""


def read_answer(
    text: str, schema: type[Schema], check: Callable[[Schema], str] | None = None
) -> Schema:
    """What a model wrote, as the schema's object; a fence or prose around the JSON is passed over.

    `check` says what else is wrong with it, "" if nothing is.

    Example: read_answer('Sure: {"score": 4}', Verdict).score -> 4

    Raises:
        AnswerError: no object in it fits.
    """
    found = _find_object(text)
    try:
        read = schema.model_validate(found)
    except ValidationError as error:
        raise AnswerError(_describe(error)) from None
    if check and (wrong := check(read)):
        raise AnswerError(wrong)
    return read


def ask_for_json(messages: list[dict[str, Any]], schema: type[BaseModel]) -> list[dict[str, Any]]:
    """The messages, the last of them followed by what the answer must look like."""
    wanted = json.dumps(schema.model_json_schema(), ensure_ascii=False)
    asked = fill_prompt("answer_as_json", schema=wanted)
    *before, last = messages
    return [*before, {**last, "content": f"{last['content']}\n\n{asked}"}]


def ask_to_repair(
    messages: list[dict[str, Any]], answer: str, error: AnswerError
) -> list[dict[str, Any]]:
    """The messages, the answer that could not be used, and why not."""
    asked = fill_prompt("repair_json", faults=str(error))
    return [
        *messages,
        {"role": "assistant", "content": answer},
        {"role": "user", "content": asked},
    ]


def describe_format(schema: type[BaseModel]) -> dict[str, Any]:
    """The parameter that makes a provider keep to the schema, where it knows how to."""
    name = re.sub(r"[^\w-]", "_", schema.__name__, flags=re.ASCII)[:64]
    inner = {"name": name, "schema": schema.model_json_schema()}
    return {"type": "json_schema", "json_schema": inner}


def _find_object(text: str) -> dict[str, Any]:
    decoder = json.JSONDecoder(object_pairs_hook=_refuse_repeats)
    problem = "it holds no JSON object"
    # some servers leave a model's thoughts in its answer, drafts of the object among them
    text = text.rpartition("</think>")[2]
    starts = [found.start() for found in re.finditer(r"\{", text)]
    for start in starts[:_MOST_STARTS]:
        try:
            return decoder.raw_decode(text, start)[0]
        except AnswerError:
            raise
        except RecursionError:
            raise AnswerError("its JSON is nested too deeply") from None
        except ValueError as error:
            problem = f"its JSON is broken ({error})" if start == starts[0] else problem
    raise AnswerError(problem)


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise AnswerError(f'"{twice[:60]}" is there twice')
    return found


def _describe(error: ValidationError) -> str:
    faults = []
    for fault in error.errors(include_url=False, include_input=True)[:_MOST_FAULTS]:
        place = ".".join(map(str, fault["loc"])) or "the object"
        given = "" if isinstance(fault["input"], dict | list) else f", not {fault['input']!r:.60}"
        faults.append(f"{place}: {fault['msg']}{given}")
    return "; ".join(faults)
