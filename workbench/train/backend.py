"""Backends: the library and the arithmetic a machine trains with, and why."""

import importlib
import importlib.util
from dataclasses import dataclass

from workbench.models import bfloat16_speedup, device_and_dtype, prepare_process
from workbench.train.processes import count_processes

CHOICES = ("auto", "transformers", "unsloth")


class BackendError(ValueError):
    """A backend was asked for that cannot run here; the message says what to do."""


@dataclass(frozen=True)
class Backend:
    """What this machine trains with."""

    name: str
    """transformers or unsloth."""

    why: str
    """The reason in a sentence, to be shown."""

    device: str
    """cpu, cuda or mps."""

    dtype: str
    """What products are computed in: bfloat16, float16 (a GPU before Ampere) or float32."""


def choose_backend(choice: str = "auto") -> Backend:
    """Decide what to train with, before anything of it is imported.

    unsloth must be imported before transformers, and raises NotImplementedError where there is no
    GPU; so whoever trains calls this first, and it imports unsloth if that is chosen. Several
    processes train with transformers.

    Raises:
        BackendError: no such backend, or unsloth was asked for where it cannot run.
    """
    prepare_process()
    import torch

    if choice not in CHOICES:
        raise BackendError(f'backend "{choice}" does not exist; choose one of {", ".join(CHOICES)}')
    device, dtype = device_and_dtype()
    has_unsloth = importlib.util.find_spec("unsloth") is not None
    if choice == "unsloth" and not (device == "cuda" and has_unsloth):
        lack = "the package unsloth" if device == "cuda" else "an NVIDIA GPU"
        raise BackendError(f'backend "unsloth" needs {lack}; take "transformers", or provide it')
    if device == "cuda":
        gpu, is_one = torch.cuda.get_device_name(), count_processes() == 1
        if has_unsloth and is_one and choice != "transformers":
            importlib.import_module("unsloth")
            return Backend("unsloth", f"unsloth is installed and {gpu} is there", device, dtype)
        why = f"{gpu} is there; unsloth is {'not asked for' if has_unsloth else 'not installed'}"
    elif device == "mps":
        why = "an Apple GPU is there"
    else:
        ratio = bfloat16_speedup()
        pace = f"{ratio:.2g} times as fast as" if ratio >= 1.1 else "no faster than"
        why = f"there is no GPU; bfloat16 products are {pace} float32 here"
    return Backend("transformers", why, device, dtype)
