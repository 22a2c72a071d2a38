"""A person talks with a compiled model in the terminal: what `python -m workbench chat` does."""

from collections.abc import Callable
from contextlib import suppress

from workbench.conversation import Message
from workbench.inspect.rows import read_system
from workbench.models import MAX_NEW_TOKENS, LocalModel
from workbench.run import Run

ANEW = "/new"
"""What one types to start over."""


def chat(run: Run, ask: Callable[[str], str] = input, tell: Callable[[str], None] = print) -> None:
    """Let a person talk with the compiled model of a run until their input ends.

    The model sees the system prompt that it was trained with, and opens the talk. `ask` is given a
    prompt and returns a line, `tell` shows one.

    Raises:
        ModelError: the run has no trained model.
        RunError: its rows are gone, and the system prompt with them, or others than it learnt.
    """
    # arrow keys in what one types, where the terminal's library is there
    with suppress(ImportError):
        import readline  # noqa: F401

    model, opening = LocalModel(run.file("model")), read_system(run)
    model.load()
    tell(f"{run.domain}, run {run.name}. {ANEW} starts over, Ctrl-D ends.")
    with suppress(EOFError, KeyboardInterrupt):
        while True:
            _hold_talk(model, opening, ask, tell)
            tell("")
    tell("")


def _hold_talk(
    model: LocalModel,
    opening: list[Message],
    ask: Callable[[str], str],
    tell: Callable[[str], None],
) -> None:
    """One talk, until another is wished for."""
    messages = list(opening)
    while True:
        (reply,) = model.reply([messages], MAX_NEW_TOKENS, ["talk"])
        messages.append(Message(role="assistant", content=reply.text))
        tell(f"\nagent: {printable(reply.text)}\n")
        while True:
            said = ask("you: ")
            if said.strip() == ANEW:
                return
            longer = [*messages, Message(role="user", content=said)]
            if len(model.encode(longer)) + MAX_NEW_TOKENS <= model.most_tokens:
                messages = longer
                break
            tell(f"\nThat is more than the model can read; say less, or start over with {ANEW}.\n")


def printable(text: str) -> str:
    """The text without what a terminal would obey, such as the start of a colour."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)
