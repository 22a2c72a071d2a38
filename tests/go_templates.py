"""Go's text/template, as far as our templates for Ollama speak it; Go itself is not at hand."""

import json
import re

_ACTION = re.compile(r"\{\{(-?) ((?:\"(?:\\.|[^\"\\])*\"|[^}\"])*) \}\}")
_WORD = re.compile(r'"(?:\\.|[^"\\])*"|[()]|[^\s()]+')
_FUNCTIONS = {
    "eq": lambda one, other: one == other,
    "ne": lambda one, other: one != other,
    "and": lambda one, other: one and other,
    "not": lambda one: not one,
    "printf": lambda text, *values: text % values,
    "true": True,
    "false": False,
}


def write_by_go(template, messages):
    """The prompt that a template of Go's makes of messages."""
    parts, at = [], 0
    for found in _ACTION.finditer(template):
        text = template[at : found.start()]
        parts += [(text.rstrip() if found[1] else text, ""), ("", found[2])]
        at = found.end()
    written = []
    _run([*parts, (template[at:], "")], {".Messages": messages}, written)
    return "".join(written)


def _run(parts, known, written):
    place = 0
    while place < len(parts):
        text, action = parts[place]
        written.append(text)
        word, _, rest = action.partition(" ")
        if word in ("if", "range"):
            branches, place = _find_branches(parts, place)
            if word == "range":
                for one in known[".Messages"]:
                    known |= {".Role": one["role"], ".Content": one["content"]}
                    _run(branches[0][1], known, written)
            else:
                chosen = next((b for c, b in branches if not c or _value(c, known)), [])
                _run(chosen, known, written)
        elif rest.startswith((":= ", "= ")):
            # a variable must be made before it is set
            assert rest.startswith(":=") or word in known
            known[word] = _value(rest.partition("= ")[2], known)
        elif action:
            written.append(_value(action, known))
        place += 1


def _find_branches(parts, place):
    """The branches of a block, as condition and parts, and where the block ends."""
    branches, depth = [(parts[place][1].partition(" ")[2], [])], 1
    while True:
        place += 1
        action = parts[place][1]
        depth += action.startswith(("if ", "range ")) - (action == "end")
        if not depth:
            return branches, place
        if depth == 1 and action.startswith("else"):
            branches.append((action.removeprefix("else").removeprefix(" if "), []))
        else:
            branches[-1][1].append(parts[place])


def _value(text, known):
    words = _WORD.findall(text)
    value = _read(words, known)
    assert not words, f"left over: {words}"
    return value


def _read(words, known):
    """The value of an expression; its words are taken from the list."""
    values = []
    while words and words[0] != ")":
        word = words.pop(0)
        if word == "(":
            values.append(_read(words, known))
            words.pop(0)
        elif word.startswith('"'):
            values.append(json.loads(word))
        else:
            values.append((_FUNCTIONS | known)[word])
    first, *rest = values
    return first(*rest) if callable(first) else first
