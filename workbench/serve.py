"""A compiled model behind an OpenAI endpoint: an existing server, started the right way."""

import importlib.util
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

from workbench.conversation import Message
from workbench.inspect.rows import read_system
from workbench.models import LocalModel
from workbench.run import Run
from workbench.train.base_model import check_folder

ENGINES = ("auto", "transformers", "vllm")

NAME = "model"
"""What a client calls the model: the folder's name, which is all that transformers knows it by."""

_NEEDED = ("fastapi", "uvicorn")


class ServeError(ValueError):
    """A model cannot be served; the message says what to do."""

    exit_code = 2


def serve(
    run: Run,
    engine: str = "auto",
    host: str = "localhost",
    port: int = 8000,
    tell: Callable[[str], None] = print,
    become: Callable[[str, Sequence[str]], Any] = os.execvp,
) -> None:
    """Turn this process into a server of the run's compiled model.

    The server is vLLM where there is a GPU and the program `vllm`, else `transformers serve`. Both
    read template and stop token from the model's folder, and run no code that lies in it. `tell`
    is told the address and how a talk begins, `become` takes a program and its arguments.

    Raises:
        ServeError: there is no such engine, it is not installed, or the port is not to be had.
        ModelError, BaseModelError: the run has no trained model, or one that would run code.
        RunError: its rows are not those it was trained on.
    """
    folder = LocalModel(run.file("model")).folder
    check_folder(folder, f"the model of {run.folder}")
    system = read_system(run)
    engine = choose_engine(engine)
    check_port(host, port)
    tell(describe(run, engine, host, port, system))
    # nothing is fetched, nor asked for on the network
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.chdir(run.folder)
    # what is not yet written to a file would end with this program
    sys.stdout.flush()
    command = write_command(engine, host, port)
    become(command[0], command)


def choose_engine(engine: str = "auto") -> str:
    """The engine to take, "transformers" or "vllm".

    Raises:
        ServeError: there is no such engine, or it is not installed.
    """
    if engine not in ENGINES:
        raise ServeError(f'engine "{engine}" does not exist; choose one of {", ".join(ENGINES)}')
    has_vllm = shutil.which("vllm") is not None
    if engine == "auto":
        engine = "vllm" if has_vllm and _has_gpu() else "transformers"
    if engine == "vllm" and not has_vllm:
        raise ServeError(
            "the program vllm is not on the path; install vLLM in an environment of its own, put"
            " its folder bin on PATH, or take --engine transformers"
        )
    lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if engine == "transformers" and lacking:
        raise ServeError(
            f"transformers serve needs {' and '.join(lacking)}, which are not installed;"
            ' pip install -e ".[serve]"'
        )
    return engine


def check_port(host: str, port: int) -> None:
    """Make sure that a server can listen there, before the model is read.

    Raises:
        ServeError: it cannot, e.g. as another program does.
    """
    if not 0 < port < 2**16:
        raise ServeError(f"--port is {port}, but ports are 1 to {2**16 - 1}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as tried:
            # a server that has just ended leaves its port for a while to nobody else
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except (OSError, OverflowError, UnicodeError) as error:
        raise ServeError(
            f"nothing can listen on {host}, port {port}: {error}; choose another --port or --host"
        ) from error


def write_command(engine: str, host: str, port: int) -> list[str]:
    """The program and its arguments; it is to be started in the run's folder."""
    where = ["--host", host, "--port", str(port)]
    if engine == "vllm":
        # what a request leaves open must not be drawn by lot
        greedy = json.dumps({"temperature": 0})
        own = ["--served-model-name", NAME, "--override-generation-config", greedy]
        return ["vllm", "serve", f"./{NAME}", *own, *where]
    # -P: nothing in the run's folder is taken for a module
    return [sys.executable, "-P", "-m", "transformers.cli.transformers", "serve", NAME, *where]


def describe(run: Run, engine: str, host: str, port: int, system: Sequence[Message]) -> str:
    """Where the model is found, and how a talk with it begins."""
    opening = json.dumps([one.model_dump() for one in system], ensure_ascii=False)
    shown = f"[{host}]" if ":" in host else host
    return (
        f"{run.domain}, run {run.name}, by {engine}; Ctrl-C ends it. For a client of OpenAI's:\n\n"
        f'    client = OpenAI(base_url="http://{shown}:{port}/v1", api_key="none")\n'
        f"    messages = {opening}\n"
        f'    client.chat.completions.create(model="{NAME}", messages=messages, temperature=0)\n\n'
        "The agent speaks first: add what it says to the messages, then what the customer says."
    )


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
