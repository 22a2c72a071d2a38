"""Choosing method, numbers and recipe of a run's training, before it begins."""

import math
from collections.abc import Sequence

from workbench.run import Run
from workbench.sizes import Size, size_of
from workbench.train.backend import Backend, choose_backend
from workbench.train.base_model import EMBEDDED, BaseModel, resolve_base_model
from workbench.train.memory import Shape, device_bytes, measure_shape, tokens_that_fit
from workbench.train.presets import find_preset
from workbench.train.processes import count_processes
from workbench.train.recipes import LORA_LEARNING_RATE, Recipe, check_method, list_recipes


def settle(run: Run, size: str, method: str = "", **given: int | float | str) -> tuple[Size, str]:
    """The numbers of a run's training, and its method.

    What is given wins (0 and "" are not), then the preset of the base model, then the size. Without
    a method, a run goes on by that which it was begun with; otherwise it is full fine-tuning where
    that fits the GPU, else LoRA, else QLoRA. Without a GPU it is full fine-tuning.

    Raises:
        TrainError: the method cannot be done here.
        ValueError: no such size or number.
    """
    settings = size_of(size, **given)
    if method:
        check_method(method, choose_backend(), count_processes())
    elif run.file("model").exists() and "inputs" in run.manifest.get("train", {}):
        method = run.manifest["train"]["inputs"].get("method", "full")
    if settings.base_model in EMBEDDED:
        # small enough for any machine; the sizes' numbers were made for them
        return settings, method or "full"
    # before the base model is touched: unsloth must be imported before transformers
    backend = choose_backend()
    base = resolve_base_model(settings.base_model)
    shape = measure_shape(base.folder)
    preset = find_preset(base.name, shape.n_weights)
    names = ("epochs", "batch_size", "learning_rate")
    numbers = {name: getattr(preset, name) for name in names if getattr(preset, name)}
    method = method or choose_recipe(base, shape, backend, settings.max_tokens).method
    if method != "full":
        highest = numbers.get("learning_rate", settings.learning_rate)
        numbers["learning_rate"] = max(highest, LORA_LEARNING_RATE)
    numbers |= {name: value for name, value in given.items() if value}
    return size_of(size, **numbers), method


def choose_recipe(
    base: BaseModel, shape: Shape, backend: Backend, longest: int, method: str = ""
) -> Recipe:
    """How the base model is trained here, by the method if one is given.

    The first recipe by which a row of `longest` tokens fits the GPU; where none does, the last, as
    the formula may be wrong. Without a GPU memory is not asked: what is free there changes.
    """
    n_processes = count_processes()
    recipes = list_recipes(backend, find_preset(base.name, shape.n_weights), n_processes)
    asked = [recipe for recipe in recipes if method in ("", recipe.method)]
    n_bytes = device_bytes("cuda") if backend.device == "cuda" else math.inf
    return first_that_fits(asked, shape, backend.dtype, longest, n_bytes)


def first_that_fits(
    recipes: Sequence[Recipe], shape: Shape, dtype: str, longest: int, n_bytes: float
) -> Recipe:
    """The first recipe by which a row fits a device with so much memory, or else the last."""
    for recipe in recipes:
        if n_bytes == math.inf or tokens_that_fit(shape, recipe, dtype, n_bytes) >= longest:
            return recipe
    return recipes[-1]
