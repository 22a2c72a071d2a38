"""How a model's tokenizer writes a conversation: ids built piece by piece, from its own template.

Templates write everything as one text, in which a customer who types a control token closes the
message. Here only what stands between the messages may become control tokens, never their content.

Models that can think before they reply do not here: templates are asked for
`enable_thinking=False`. Many then write the reply that is to come after another header than those
before it (with an empty thought, say). A row, in which each reply is learned and then is one of
those before, could not have both: the longer one stands before every reply, in rows and prompts.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from workbench.conversation import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

JOINING = "Hello."
"""What a customer says first where a template demands it; the agent opens everywhere else."""

_TEMPLATE = """\
{%- set glue = GLUE -%}
{%- set talk = namespace(before="start", is_open=IS_OPEN, system="") -%}
{%- for message in messages + [{"role": "reply" if add_generation_prompt else "end"}] -%}
{%- if message.role == "system" and not HAS_SYSTEM -%}
{%- set talk.system = talk.system ~ message.content ~ "\\n\\n" -%}
{%- else -%}
{%- if not talk.is_open and message.role not in ("system", "user") -%}
{{- glue[talk.before ~ " user"] ~ talk.system ~ JOINING -}}
{%- set talk.before, talk.system = "user", "" -%}
{%- endif -%}
{%- if message.role != "system" -%}
{%- set talk.is_open = true -%}
{%- endif -%}
{%- set between = talk.before ~ " " ~ message.role -%}
{%- if between not in glue -%}
{{- raise_exception("a conversation is system, assistant, user, assistant, ...") -}}
{%- endif -%}
{{- glue[between] ~ talk.system ~ message.content|default("") -}}
{%- set talk.before, talk.system = message.role, "" -%}
{%- endif -%}
{%- endfor -%}"""
"""Of `write_template`, with four words to be filled in."""

_GO_TEMPLATE = """\
{{- $before := "start" }}{{ $between := "" }}{{ $system := "" }}{{ $open := IS_OPEN }}
{{- range .Messages }}
{{- if and (eq .Role "system") (not HAS_SYSTEM) }}
{{- $system = printf "%s%s\\n\\n" $system .Content }}
{{- else }}
{{- if and (not $open) (eq .Role "assistant") }}
JOINED
{{- end }}
{{- if ne .Role "system" }}{{ $open = true }}{{ end }}
{{- $between = printf "%s %s" $before .Role }}
GLUE{{ $system }}{{ .Content }}
{{- $before = .Role }}{{ $system = "" }}
{{- end }}
{{- end }}
{{- if not $open }}
JOINED
{{- end }}
{{- $between = printf "%s reply" $before }}
GLUE_REPLY"""
_GO_JOINED = """\
{{- $between = printf "%s user" $before }}
GLUE_CUSTOMER{{ $system }}{{ JOINING }}
{{- $before = "user" }}{{ $system = "" }}{{ $open = true }}"""
"""Of `write_go_template`, with words to be filled in."""

_TALK = ["assistant", "user", "assistant", "user"]
_WAYS = (["system", *_TALK], ["system", "user", *_TALK], ["user", *_TALK])
"""What templates are asked to write, until one can: some demand a customer before the agent may
open, and of those some know no system message."""
_START, _END, _REPLY = "start", "end", "reply"


class ChatFormatError(ValueError):
    """A chat template cannot write our conversations; the message says what to do."""


@dataclass(frozen=True)
class Piece:
    """A part of a written conversation."""

    ids: list[int]

    role: str = ""
    """Whose content it is; empty for what stands between two messages."""

    stop_length: int = 0
    """First tokens of what stands between that end the message before: its stop token."""

    text: str = ""
    """What stands between two messages, in the template's words."""


@dataclass(frozen=True)
class ChatFormat:
    """What a template writes between the messages. Make one with `chat_format`."""

    tokenizer: "PreTrainedTokenizerBase"

    glue: dict[tuple[str, str], Piece]
    """Role before and role after to what stands between; also "start", "end" and "reply"."""

    is_user_first: bool = False
    """Whether the template demands a customer who speaks first; `JOINING` is put in then."""

    has_system: bool = True
    """Whether the template knows system messages; if not, the customer's first begins with them."""

    is_altered: bool = False
    """Whether the template itself, asked for nothing, would write something else than this."""

    def pieces(self, messages: Iterable[Message | dict[str, Any]], last: str = _END) -> list[Piece]:
        """The conversation in pieces; with last="reply" it ends where the agent is to speak.

        Raises:
            ChatFormatError: two messages follow each other that the template cannot join.
        """
        pieces, before = [], _START
        for role, content in self._turns(messages):
            pieces += [self._between(before, role), Piece(self.encode_content(content), role)]
            before = role
        return [*pieces, self._between(before, last)]

    @property
    def stop_id(self) -> int:
        """The token that ends a reply; not every tokenizer calls it its end of sequence."""
        piece = self.glue["assistant", "user"]
        return piece.ids[piece.stop_length - 1]

    def encode_content(self, content: str) -> list[int]:
        """Ids of what somebody wrote; "<|im_end|>" in it is seven ordinary tokens."""
        return self.tokenizer.encode(content, add_special_tokens=False, split_special_tokens=True)

    def write_template(self) -> str:
        """A chat template that writes what `pieces` does, for programs that know templates alone.

        A model needs it that was trained on an altered format, e.g. without its thinking mode.
        """
        glue = {f"{before} {after}": piece.text for (before, after), piece in self.glue.items()}
        return (
            _TEMPLATE.replace("JOINING", json.dumps(JOINING))
            .replace("IS_OPEN", "false" if self.is_user_first else "true")
            .replace("HAS_SYSTEM", "true" if self.has_system else "false")
            .replace("GLUE", json.dumps(glue, ensure_ascii=False, indent=1))
        )

    def write_go_template(self) -> str:
        """The same in the language of Go's templates, for Ollama, which knows no other.

        What a tokenizer puts in front of every text is left out: engines put it there themselves.
        """
        first = self.tokenizer.bos_token
        is_put = first and self.tokenizer.encode("")[:1] == [self.tokenizer.bos_token_id]

        def write(*roles: str) -> str:
            cases = []
            for (before, after), piece in self.glue.items():
                text = piece.text.removeprefix(first if is_put and before == _START else "")
                if after in roles:
                    cases.append(f'if eq $between "{before} {after}" }}}}{{{{ {_quote(text)} }}}}')
            return "{{- " + "\n{{- else ".join(cases) + "\n{{- end }}"

        return (
            _GO_TEMPLATE.replace("JOINED", _GO_JOINED)
            .replace("JOINING", _quote(JOINING))
            .replace("IS_OPEN", "false" if self.is_user_first else "true")
            .replace("HAS_SYSTEM", "true" if self.has_system else "false")
            .replace("GLUE_CUSTOMER", write("user"))
            .replace("GLUE_REPLY", write(_REPLY))
            .replace("GLUE", write("system", "user", "assistant"))
        )

    def _turns(self, messages: Iterable[Message | dict[str, Any]]) -> list[tuple[str, str]]:
        turns = [
            (one["role"], one["content"]) if isinstance(one, dict) else (one.role, one.content)
            for one in messages
        ]
        first = next((place for place, turn in enumerate(turns) if turn[0] != "system"), len(turns))
        if self.is_user_first and (first == len(turns) or turns[first][0] != "user"):
            turns.insert(first, ("user", JOINING))
        if not self.has_system:
            said = "\n\n".join(content for _, content in turns[: first + 1])
            turns[: first + 1] = [("user", said)]
        return turns

    def _between(self, before: str, after: str) -> Piece:
        if (before, after) not in self.glue:
            raise ChatFormatError(
                f'after "{before}" comes "{after}", but a conversation is system, assistant, user,'
                f" assistant, ...; mend or drop it while screening"
            )
        return self.glue[before, after]


def _quote(text: str) -> str:
    """A string of JSON is one of Go as well, if letters stay letters."""
    return json.dumps(text, ensure_ascii=False)


@lru_cache(maxsize=4)
def chat_format(tokenizer: "PreTrainedTokenizerBase") -> ChatFormat:
    """Learn from a tokenizer's chat template what stands between messages.

    Raises:
        ChatFormatError: there is no template, or it cannot write a conversation of ours.
    """
    if not tokenizer.chat_template:
        raise ChatFormatError(
            f"{tokenizer.name_or_path} has no chat template; take a model tuned for chat"
        )
    for roles in _WAYS:
        glue, opener = _learn_glue(tokenizer, roles), roles[roles.index("assistant") - 1]
        if glue and (opener, _REPLY) in glue and glue["assistant", "user"].stop_length:
            break
    else:
        raise ChatFormatError(
            f"the chat template of {tokenizer.name_or_path} drops or forbids messages of ours, or"
            " ends no reply with a control token; take another model, or give it a"
            " chat_template.jinja that writes them"
        )
    united = _unite_headers(glue)
    as_asked, by_itself = (
        _write(tokenizer, roles, is_reply=True, **options)
        for options in ({"enable_thinking": False}, {})
    )
    has_system = roles[0] == "system"
    # a day later it would write another date than that of the rows
    is_dated = "strftime_now" in str(tokenizer.chat_template)
    is_altered = not has_system or united != glue or as_asked != by_itself or is_dated
    return ChatFormat(tokenizer, united, opener == "user", has_system, is_altered)


def prompt_ids(
    messages: Sequence[Message | dict[str, Any]], tokenizer: "PreTrainedTokenizerBase"
) -> list[int]:
    """Ids to generate from: the conversation, then the header under which the agent replies."""
    pieces = chat_format(tokenizer).pieces(messages, last=_REPLY)
    return [token for piece in pieces for token in piece.ids]


def with_system(template: str, system: str) -> str:
    """A chat template that begins with this system prompt where the messages have none.

    What is served from a folder then never lacks the prompt it was trained with.
    """
    # a string of JSON is one of Jinja as well
    prompt = json.dumps(system, ensure_ascii=False)
    return (
        "{%- if not messages or messages[0]['role'] != 'system' -%}"
        f"{{%- set messages = [{{'role': 'system', 'content': {prompt}}}] + messages | list -%}}"
        f"{{%- endif %}}{template}"
    )


def _learn_glue(
    tokenizer: "PreTrainedTokenizerBase", roles: list[str]
) -> dict[tuple[str, str], Piece] | None:
    """What stands between sentinels in a written conversation; None if the template refuses it."""
    glue: dict[tuple[str, str], Piece] = {}
    # the longest first: some templates write the last reply differently from those before it
    for talk in (roles, roles[:-1], roles[1:], roles[:1]):
        for last in (_END, _REPLY):
            written = _write(tokenizer, talk, is_reply=last == _REPLY, enable_thinking=False)
            if written is None and talk == roles:
                return None
            ends = [_START, *talk, last]
            for before, after, text in zip(ends, ends[1:], written or [], strict=False):
                glue.setdefault((before, after), _piece(tokenizer, text))
    return glue


def _unite_headers(glue: dict[tuple[str, str], Piece]) -> dict[tuple[str, str], Piece]:
    """The same before replies of old as before the one to come: the longer, if one begins it."""
    united = dict(glue)
    for before, after in glue:
        old, new = glue.get((before, "assistant")), glue.get((before, _REPLY))
        if after != _REPLY or old is None:
            continue
        shorter, longer = sorted((old, new), key=lambda piece: len(piece.text))
        if longer.text.startswith(shorter.text):
            united[before, "assistant"] = united[before, _REPLY] = longer
    return united


def _write(
    tokenizer: "PreTrainedTokenizerBase", roles: list[str], is_reply: bool, **options: bool
) -> list[str] | None:
    """The template's text around sentinels, one part more than there are roles."""
    from jinja2 import TemplateError

    sentinels = [f"sentinel{place}x" for place in range(len(roles))]
    talk = [{"role": r, "content": s} for r, s in zip(roles, sentinels, strict=True)]
    try:
        rest = tokenizer.apply_chat_template(
            talk, tokenize=False, add_generation_prompt=is_reply, **options
        )
    except TemplateError:
        return None
    parts = []
    for sentinel in sentinels:
        part, found, rest = rest.partition(sentinel)
        if not found:
            return None
        parts.append(part)
    return [*parts, rest]


def _piece(tokenizer: "PreTrainedTokenizerBase", text: str) -> Piece:
    ids = tokenizer.encode(text, add_special_tokens=False)
    control = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    stop = next((place for place, token in enumerate(ids) if token in control), -1)
    return Piece(ids, stop_length=stop + 1, text=text)
