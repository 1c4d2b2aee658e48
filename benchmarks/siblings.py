"""Siblings of a model: its weights with noise, for merges where no fine-tuned model is at hand.

They are synthetic. They show the mechanics of a merge, its speed and its damage, and nothing about
whether tools come together.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import anyio
import numpy as np

from metier.merging.blueprint import Planned
from metier.merging.encoding import encoded
from metier.merging.merging import Plan, planned
from metier.merging.parents import found
from metier.merging.recipe import Recipe, Source
from metier.merging.store import Store
from metier.merging.weights import Span, Stored, opened, spans
from metier.settings import Settings

NOISE = 0.01


def sibling(model: Path, out: Path, *, seed: int) -> Path:
    """The model in F16, with normal noise of 1 % of each tensor's root mean square."""
    plan = anyio.run(partial(_plan, model))
    file = plan.parents[0].file
    with opened(file.path) as source, out.open("wb") as target:
        target.truncate(plan.blueprint.size_bytes)
        os.pwrite(target.fileno(), plan.blueprint.head, 0)
        draw = np.random.default_rng(seed)
        for tensor in plan.blueprint.tensors:
            stored = Stored(file=source, path=file.path, tensor=file.tensors[tensor.name])
            _write(target.fileno(), tensor, stored, draw)
    return out


async def _plan(model: Path) -> Plan:
    """The head of a file with the model's own tensors."""
    sources = (Source(model=str(model)), Source(model=str(model)))
    recipe = Recipe(method="linear", models=sources)
    async with Store(Settings()) as store, found(recipe.parents, store) as parents:
        return planned(recipe, parents, name="sibling", kind="F16")


def _write(out: int, tensor: Planned, stored: Stored, draw: np.random.Generator) -> None:
    every = list(spans(Span(0, tensor.count)))
    squares = sum(float(np.square(stored.read(span)).sum(dtype=np.float64)) for span in every)
    size = np.float32(NOISE * np.sqrt(squares / tensor.count))
    at = tensor.offset
    for span in every:
        noise = draw.standard_normal(span.length, dtype=np.float32)
        noise *= size
        noise += stored.read(span)
        data = encoded(noise, tensor.kind)
        os.pwrite(out, data.data, at)
        at += len(data)
