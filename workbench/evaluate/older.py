"""An older run's model before a new run's customers: the condition `older/<run>`."""

from workbench.evaluate.conditions import ModelAgent
from workbench.evaluate.regression import OLDER
from workbench.inspect.rows import read_system
from workbench.run import Run, RunError, find_run
from workbench.train.card import hash_model


def open_older(run: Run, name: str) -> Run | None:
    """The older run of that name, of the same domain; None for "".

    Raises:
        UnknownRunError: there is none.
        RunError: it is of another domain, is the run itself, or is not trained.
    """
    if not name.strip():
        return None
    named = name if "/" in name else f"{run.domain}/{name.strip()}"
    older = find_run(named, run.folder.parent.parent)
    if older.domain != run.domain or older.folder.resolve() == run.folder.resolve():
        raise RunError(f"{older.folder} is no older run of {run.domain}; name another as older")
    if "result" not in older.manifest.get("train", {}):
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
    talks = f"simulated/{OLDER}_{older.name}.jsonl"
    if known.get(older.name, model) != model and run.file(talks).exists():
        raise RunError(
            f"{run.file(talks)} has talks of another model, which {older.folder} held before;"
            " delete that file"
        )
    run.record("evaluate", older={**known, older.name: model})
