"""Baselines by name: large models over the API, and compiled models of other runs or servers."""

from pathlib import Path

from workbench.domain import Domain
from workbench.evaluate.conditions import Agent, ModelAgent
from workbench.evaluate.procedure_prompt import write_procedure_prompt
from workbench.evaluate.remote import ROOM, LedAgent, PromptedAgent, RemoteModel
from workbench.evaluate.side_by_side import RemoteAgent
from workbench.evaluate.simulation import file_of
from workbench.models import LocalModel
from workbench.run import Run, UnknownRunError, find_run

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


def open_baseline(
    name: str, run: Run, domain: Domain, max_new_tokens: int, usd: float = 0.0
) -> Agent | RemoteAgent:
    """The agent of a condition; nothing is asked or loaded yet.

    `usd` is what all agents over the API may cost in this run; 0: there is no cap.

    Raises:
        BaselineError: a local model is of another domain's run.
        ModelError: there is no model in the folder.
    """
    way, _, model = name.partition("/")
    if way == "local":
        return ModelAgent(name, _find_folder(model, domain), max_new_tokens)
    if way == "served":
        return PromptedAgent(name, RemoteModel(model, run, "served", usd, max_new_tokens))
    remote = RemoteModel(model, run, "agent", usd, max(ROOM, max_new_tokens))
    if way == "in_context":
        return PromptedAgent(name, remote, write_procedure_prompt(domain))
    return LedAgent(name, remote, domain)


def begin_baseline(run: Run, agent: RemoteAgent) -> None:
    """Open the model, and put on record who is asked: two are never mixed in a condition.

    Raises:
        BaselineError: talks of it that are kept were held with another provider, or otherwise.
        EndpointError, CapError: no provider is set, or there is a cap and no price.
    """
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


def _find_folder(name: str, domain: Domain) -> Path:
    try:
        run = find_run(name)
    except UnknownRunError:
        return LocalModel(Path(name).expanduser()).folder
    if run.domain != domain.name:
        raise BaselineError(
            f"local/{name} was compiled from {run.domain}, and its customers are of {domain.name};"
            " name a run of the same domain"
        )
    return LocalModel(run.file("model")).folder
