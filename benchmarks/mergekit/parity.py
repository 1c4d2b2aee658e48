"""Merges the models of `mergekit.npz` by the same recipes, and compares with what mergekit made."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import gguf
import numpy as np
import numpy.typing as npt

from benchmarks import ggufs
from metier.merging.merging import merge, planned
from metier.merging.parents import found
from metier.merging.recipe import Recipe, read_recipe
from metier.merging.store import Store
from metier.settings import Settings

HERE = Path(__file__).parent
FIXTURE = HERE / "mergekit.npz"
ARCHITECTURES = ("llama", "qwen2")
LAYERS = 3
RANDOM = ("dare_linear", "dare_ties", "della", "della_linear")
EXACT = sorted(each.stem for each in HERE.glob("*.yaml") if each.stem not in RANDOM)
WATCHED = "blk.1.ffn_up.weight"

Tensors = dict[str, npt.NDArray[np.float32]]


def tensors(architecture: str, model: str) -> Tensors:
    """A model of the fixture, or the result of a recipe, with the names that GGUF uses."""
    with np.load(FIXTURE) as fixture:
        flat, at = fixture[f"{architecture}/{model}"], 0
        names, shapes = fixture[f"{architecture}/names"], fixture[f"{architecture}/shapes"]
    names_of = gguf.get_tensor_name_map(gguf.MODEL_ARCH[architecture.upper()], LAYERS)
    every: Tensors = {}
    for usual, (rows, width) in zip(names.tolist(), shapes.tolist(), strict=True):
        size = rows * max(width, 1)
        name = names_of.get_name(usual, try_suffixes=(".weight", ".bias"))
        assert name is not None, usual
        shape = (rows, width) if width else (rows,)
        every[name] = flat[at : at + size].reshape(shape)
        at += size
    return every


def models(architecture: str, folder: Path) -> None:
    """The models of the fixture as GGUF files, named as mergekit's recipes name them."""
    for model in ("base", "a", "b"):
        ggufs.written(
            folder / model, tensors(architecture, model), architecture=architecture, layers=LAYERS
        )


def recipe(name: str, folder: Path) -> Recipe:
    """A recipe of mergekit, whose models are in the folder."""
    read = read_recipe(HERE / f"{name}.yaml")
    return read.renamed({name: str(folder / name) for name in read.parents})


def merged(wanted: Recipe, folder: Path, *, threads: int = 2) -> Tensors:
    """What metier makes of the models in the folder."""
    return anyio.run(partial(_merged, wanted, folder, threads))


async def _merged(wanted: Recipe, folder: Path, threads: int) -> Tensors:
    async with Store(Settings()) as store, found(wanted.parents, store) as parents:
        plan = planned(wanted, parents, name="merged", kind="F32")
        merge(plan, folder / "out.gguf", threads=threads)
    return ggufs.read(folder / "out.gguf")


def largest_error(name: str) -> float:
    """The largest difference to mergekit's result, in the root mean square of its tensor."""
    worst = 0.0
    for architecture in ARCHITECTURES:
        with TemporaryDirectory() as scratch:
            folder = Path(scratch)
            models(architecture, folder)
            ours = merged(recipe(name, folder), folder)
        for tensor, theirs in tensors(architecture, name).items():
            size = np.sqrt(np.mean(theirs.astype(np.float64) ** 2)) or 1.0
            worst = max(worst, float(np.abs(ours[tensor] - theirs).max() / size))
    return worst
