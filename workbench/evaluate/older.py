"""An older run's model before a new run's customers: the condition `older/<run>`."""

from workbench.design.older import find_older
from workbench.evaluate.conditions import ModelAgent
from workbench.evaluate.regression import OLDER
from workbench.evaluate.simulation import file_of
from workbench.inspect.rows import read_system
from workbench.run import Run, RunError
from workbench.train.card import hash_model


def open_older(run: Run, name: str) -> Run | None:
    """The older run of that name, of the same domain; None for "".

    Raises:
        UnknownRunError: there is none, or it is the run itself.
        RunError: it is not trained.
    """
    older = find_older(run, name.strip(), "older")
    if older and "result" not in older.manifest.get("train", {}):
        raise RunError(f"{older.folder} is not trained to the end; name another run as older")
    return older


def make_older_agent(older: Run, max_new_tokens: int) -> ModelAgent:
    """The older model as it was trained: behind the system prompt of its own rows."""
    prompt = "\n".join(message.content for message in read_system(older))
    return ModelAgent(f"{OLDER}/{older.name}", older.file("model"), max_new_tokens, prompt)


def record_older(run: Run, older: Run) -> None:
    """Put on record which model meets the customers, so that talks of two are never mixed.

    Raises:
        RunError: talks of another model that had this run's name lie there.
    """
    model = hash_model(older.manifest["train"])
    known = run.manifest["evaluate"].get("older", {})
    talks = file_of(f"{OLDER}/{older.name}")
    if known.get(older.name, model) != model and run.file(talks).exists():
        raise RunError(
            f"{run.file(talks)} has talks of another model, which {older.folder} held before;"
            " delete that file"
        )
    run.record("evaluate", older={**known, older.name: model})
