"""Models of a few thousand weights as GGUF files, and merges of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import numpy as np
from benchmarks import ggufs

from metier.merging.encoding import Floats, StoredType
from metier.merging.merging import Plan, planned
from metier.merging.parents import found
from metier.merging.recipe import Recipe
from metier.merging.store import Store
from metier.merging.weights import Span
from metier.settings import Settings

ROWS, WIDTH, LAYERS = 12, 32, 2


@dataclass(frozen=True)
class Held:
    """A tensor in memory."""

    values: Floats

    def read(self, span: Span) -> Floats:
        return self.values[span.start : span.stop]


def weights(seed: int, *, rows: int = ROWS, output: bool = False) -> dict[str, np.ndarray]:
    """A model's tensors, drawn at random."""
    draw = np.random.default_rng(seed)
    shapes = {"token_embd.weight": (rows, WIDTH), "output_norm.weight": (WIDTH,)}
    for layer in range(LAYERS):
        shapes |= {
            f"blk.{layer}.attn_norm.weight": (WIDTH,),
            f"blk.{layer}.attn_q.weight": (WIDTH, WIDTH),
            f"blk.{layer}.ffn_up.weight": (2 * WIDTH, WIDTH),
        }
    if output:
        shapes["output.weight"] = (rows, WIDTH)
    return {name: draw.standard_normal(shape, dtype=np.float32) for name, shape in shapes.items()}


def model(path: Path, seed: int, **given: Any) -> str:
    """A model's file, by its path as one types it."""
    sizes = {name: given.pop(name) for name in ("rows", "output") if name in given}
    tensors = given.pop("tensors", None) or weights(seed, **sizes)
    return str(ggufs.written(path, tensors, layers=LAYERS, **given))


def recipe(method: str, models: Sequence[str], **fields: Any) -> Recipe:
    """A recipe for models that have no settings of their own."""
    sources = [{"model": each} for each in models]
    return Recipe.model_validate({"method": method, "models": sources, **fields})


def plan(wanted: Recipe, *, kind: StoredType = "F32") -> Plan:
    """A merge of files that is checked."""
    return anyio.run(partial(_plan, wanted, kind))


async def _plan(wanted: Recipe, kind: StoredType) -> Plan:
    async with (
        Store(Settings()) as store,
        found(wanted.parents, store, base=wanted.base) as parents,
    ):
        return planned(wanted, parents, name="child", kind=kind)
