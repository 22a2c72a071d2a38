"""Baselines by name: large models over the API, and compiled models of other runs or servers."""

from pathlib import Path

from workbench.design.older import find_older
from workbench.domain import Domain
from workbench.evaluate.conditions import Agent, ModelAgent, name_local
from workbench.evaluate.procedure_prompt import write_procedure_prompt
from workbench.evaluate.remote import ROOM, LedAgent, PromptedAgent, RemoteModel
from workbench.evaluate.side_by_side import RemoteAgent
from workbench.evaluate.simulation import file_of
from workbench.inspect.rows import read_system
from workbench.models import LocalModel
from workbench.run import Run, UnknownRunError, find_run
from workbench.train.base_model import hash_weights
from workbench.train.card import hash_model

WAYS = ("in_context", "orchestrated", "served", "local")
"""What stands before the slash: the procedure in the prompt, an orchestrator, the compiled model
behind a server, and a compiled model of another run or folder."""

OWN = "base"
"""The base model's name in conditions; no model over the API is called so there."""


class BaselineError(ValueError):
    """There can be no such baseline; the message says what to name instead."""

    exit_code = 2


def name_baselines(asked: str) -> list[str]:
    """Names of conditions for what was asked for, each once.

    A model over the API, "api/<model>", is two: with the procedure in its prompt, and led by an
    orchestrator. Example: "api/gpt-6-sol, local/travel_booking/other" -> ["in_context/gpt-6-sol",
    "orchestrated/gpt-6-sol", "local/travel_booking/other"]

    Raises:
        BaselineError: a name is none of these.
    """
    names: list[str] = []
    for name in filter(None, (part.strip() for part in asked.split(","))):
        way, _, model = name.partition("/")
        model = model.removeprefix("api/")
        if way == "api":
            names += [f"in_context/{model}", f"orchestrated/{model}"]
        else:
            names.append(f"{way}/{model}")
        if way not in ("api", *WAYS) or not model or (way != "local" and model == OWN):
            raise BaselineError(
                f'"{name}" is no baseline; name a model over the API, like api/gpt-6-sol,'
                " in_context/gpt-6-sol or orchestrated/gpt-6-sol, the compiled model behind a"
                " server, like served/model, or another run's, like local/my_procedure/demo"
            )
    return list(dict.fromkeys(names))


def name_older(run: Run, older: str) -> str:
    """The baseline that an older run of the same domain is, by its name alone; "" for "".

    Example: "demo" -> "local/travel_booking/demo"

    Raises:
        UnknownRunError: there is none, or it is the run itself.
    """
    found = find_older(run, older.strip(), "older")
    return name_local(found) if found else ""


def list_models(run: Run, older: str, baseline: str) -> list[Path]:
    """Folders of the compiled models that meet a run's customers beside its own.

    Raises:
        UnknownRunError, BaselineError: there is nothing of that name.
    """
    names = name_baselines(f"{name_older(run, older)},{baseline}")
    return [_find_model(name, run) for name in names if name.startswith("local/")]


def open_baseline(
    name: str, run: Run, domain: Domain, max_new_tokens: int, usd: float = 0.0
) -> Agent | RemoteAgent:
    """The agent of a condition; nothing is asked or loaded yet.

    `usd` is what all agents over the API may cost in this run; 0: there is no cap.

    Raises:
        BaselineError: a local model is of another domain's run, or of one that is not trained.
        ModelError: there is no model in the folder.
        RunError: the rows that it was trained on are not there any more.
    """
    way, _, model = name.partition("/")
    if way == "local":
        return _open_local(name, run, domain, max_new_tokens)
    if way == "served":
        return PromptedAgent(name, RemoteModel(model, run, "served", usd, max_new_tokens))
    remote = RemoteModel(model, run, "agent", usd, max(ROOM, max_new_tokens))
    if way == "in_context":
        return PromptedAgent(name, remote, write_procedure_prompt(domain))
    return LedAgent(name, remote, domain)


def begin_baseline(run: Run, agent: Agent | RemoteAgent) -> None:
    """Open a model over the API, and put on record who is asked: two are never mixed in a
    condition. Of this run's own models and of scripted agents nothing is put there.

    Raises:
        BaselineError: talks of it that are kept were held with another model, or otherwise.
        EndpointError, CapError: no provider is set, or there is a cap and no price.
    """
    if isinstance(agent, Agent):
        if isinstance(agent, ModelAgent) and agent.identity:
            _record_local(run, agent)
        return
    _ = agent.model.model
    known = run.manifest.get("evaluate", {}).get("baselines", {})
    before, now = known.get(agent.name, {}), agent.model.terms()
    changes = [f"{n} was {before[n]}, now {now[n]}" for n in now if before.get(n, now[n]) != now[n]]
    if changes:
        raise BaselineError(
            f"{agent.name} of {run.folder} was begun otherwise: {'; '.join(changes)}. Give the run"
            f" a new name, or delete {file_of(agent.name)} and calls.sqlite there"
        )
    run.record("evaluate", baselines=known | {agent.name: before | now})


def end_baseline(run: Run, agent: RemoteAgent) -> None:
    """Put on record who answered, and whether it kept to the likeliest words."""
    known = run.manifest["evaluate"]["baselines"]
    run.record("evaluate", baselines=known | {agent.name: agent.model.describe()})


def _find_local(name: str, run: Run) -> Run | None:
    """The run that local/<domain>/<run> names, beside another; None where a folder is named."""
    try:
        return find_run(name.partition("/")[2], run.folder.parent.parent)
    except UnknownRunError:
        return None


def _find_model(name: str, run: Run) -> Path:
    other = _find_local(name, run)
    return other.file("model") if other else Path(name.partition("/")[2]).expanduser()


def _open_local(name: str, run: Run, domain: Domain, max_new_tokens: int) -> ModelAgent:
    """The compiled model of a run, behind the system prompt of its own rows, or one in a folder."""
    other, folder = _find_local(name, run), _find_model(name, run)
    if other is None:
        folder = LocalModel(folder).folder
        return ModelAgent(name, folder, max_new_tokens, identity=hash_weights(folder))
    if other.domain != domain.name:
        raise BaselineError(
            f"{name} was compiled from {other.domain}, and its customers are of {domain.name};"
            " name a run of the same domain"
        )
    trained = other.manifest.get("train", {})
    if "result" not in trained:
        raise BaselineError(f"{other.folder} is not trained to the end; name another run")
    prompt = "\n".join(message.content for message in read_system(other))
    return ModelAgent(
        name, LocalModel(folder).folder, max_new_tokens, prompt, identity=hash_model(trained)
    )


def _record_local(run: Run, agent: ModelAgent) -> None:
    known = run.manifest["evaluate"].get("models", {})
    talks = run.file(file_of(agent.name))
    if known.get(agent.name, agent.identity) != agent.identity and talks.exists():
        raise BaselineError(
            f"{talks} has talks of another model, which {agent.folder} held before; delete that"
            " file"
        )
    run.record("evaluate", models=known | {agent.name: agent.identity})
