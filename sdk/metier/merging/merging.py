"""Run a merge: compute every tensor of the result span by span, on all cores, and write it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from metier.errors import InvalidInput, InvalidRecipe, MergeFailed
from metier.merging.blueprint import Blueprint, Planned, drawn
from metier.merging.cores import Cores, available_cores, runs
from metier.merging.encoding import Floats, StoredType, encoded, size_bytes, usual_name
from metier.merging.fitting import Fit, fitted
from metier.merging.gguf_file import EMBEDDING, OUTPUT, Tensor
from metier.merging.gradients import depth
from metier.merging.method import Combine, Inputs, TensorSettings
from metier.merging.methods import METHODS
from metier.merging.parents import Parent
from metier.merging.recipe import Recipe
from metier.merging.store import Report
from metier.merging.weights import Patched, Span, Stored, Weights, opened, spans
from metier.models.server import Progress
from metier.settings import files

_HINTS = {
    "gguf": "Remove it; filters match parts of GGUF tensor names, such as ffn_up",
    "transformers": "Remove it; filters match parts of transformers' names, such as mlp.up_proj",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A merge that has been checked and can be run.

    Attributes:
        parents: all models, in the order of `Recipe.parents`.
    """

    recipe: Recipe
    parents: tuple[Parent, ...]
    fit: Fit
    blueprint: Blueprint

    @property
    def notices(self) -> tuple[str, ...]:
        """Notices for the user."""
        return (*self.recipe.origin.notices, *self.fit.notices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The result of a merge.

    Attributes:
        weights: the number of its weights.
    """

    path: Path
    size_bytes: int
    weights: int
    seconds: float


def planned(recipe: Recipe, parents: Sequence[Parent], *, name: str, kind: StoredType) -> Plan:
    """Check everything that can be checked before any weight is read.

    Args:
        name: the name of the result, for `general.name`.
        kind: the number type of the result.

    Raises:
        MergeRefused: the models are incompatible.
        InvalidRecipe: the recipe does not fit the models.
    """
    fit = fitted(parents)
    if recipe.layers not in (None, fit.layers):
        raise InvalidRecipe(
            f"the recipe is for models with {recipe.layers} layers, but these have {fit.layers}",
            hint="Only whole models can be merged: give all their layers",
        )
    for tensor in fit.tensors:
        _settings(recipe, fit, tensor)
    _check_effects(recipe, fit)
    blueprint = drawn(recipe, parents, fit, name=name, kind=kind)
    return Plan(recipe=recipe, parents=tuple(parents), fit=fit, blueprint=blueprint)


def merge(
    plan: Plan, out: Path, *, threads: int | None = None, report: Report = lambda _: None
) -> Merged:
    """Write the result; `out` appears only once it is complete.

    This takes minutes: in an event loop, run it in a thread.

    Args:
        threads: by default one for each core.

    Raises:
        InvalidInput: `out` is one of the models.
        MergeFailed: a weight cannot be read, or the result cannot be written.
    """
    started = time.perf_counter()
    _check_out(plan, out)
    with ExitStack() as stack:
        paths = {path for parent in plan.parents for path in parent.paths}
        sources = {path: stack.enter_context(opened(path)) for path in paths}
        try:
            with files.replacing(out) as file, Cores(threads or available_cores()) as cores:
                _Run(plan, sources, file.fileno(), cores, report).write()
        except OSError as exc:
            raise MergeFailed(f"{out} cannot be written: {exc.strerror or exc}") from exc
    return Merged(
        path=out,
        size_bytes=plan.blueprint.size_bytes,
        weights=plan.blueprint.count,
        seconds=time.perf_counter() - started,
    )


class _Run:
    def __init__(
        self, plan: Plan, sources: Mapping[Path, int], out: int, cores: Cores, report: Report
    ) -> None:
        self._plan = plan
        self._sources = sources
        self._out = out
        self._cores = cores
        self._report = report
        self._done_bytes = 0

    def write(self) -> None:
        head = self._plan.blueprint.head
        _write(self._out, head, 0)
        self._done_bytes = len(head)
        os.ftruncate(self._out, self._plan.blueprint.size_bytes)
        tensors = self._plan.blueprint.tensors
        for number, tensor in enumerate(tensors, 1):
            self._tell(f"merging: {number}/{len(tensors)} tensors")
            self._tensor(tensor, f"merging: {number}/{len(tensors)} tensors")

    def _tensor(self, tensor: Planned, status: str) -> None:
        inputs = self._inputs(tensor)
        combine = METHODS[self._plan.recipe.method].function(
            inputs, self._cores.total(tensor.count)
        )
        place = _Place(self._out, tensor, combine)
        for size in self._cores.each(place.write, runs(tensor.count)):
            self._done_bytes += size
            self._tell(status)

    def _tell(self, status: str) -> None:
        total = self._plan.blueprint.size_bytes
        self._report(Progress(status=status, done_bytes=self._done_bytes, total_bytes=total))

    def _inputs(self, tensor: Planned) -> Inputs:
        plan, recipe = self._plan, self._plan.recipe
        names = [each.model for each in recipe.learnt]
        by_name = {parent.name: self._weights(parent, tensor) for parent in plan.parents}
        return Inputs(
            name=tensor.name,
            count=tensor.count,
            width=tensor.shape[0],
            names=names,
            models=[by_name[name] for name in names],
            base=None if recipe.base is None else by_name[recipe.base],
            settings=_settings(recipe, plan.fit, tensor.name),
        )

    def _weights(self, parent: Parent, tensor: Planned) -> Weights:
        vocabulary = self._plan.fit.vocabulary
        own = self._own(parent, tensor.name)
        rows = vocabulary.missing[parent.name]
        if tensor.name not in (EMBEDDING, OUTPUT) or not len(rows):
            return own
        other = self._own(vocabulary.owner, tensor.name)
        return Patched(own=own, other=other, rows=rows, width=tensor.shape[0])

    def _own(self, parent: Parent, name: str) -> Weights:
        tensor = self._plan.fit.stored(parent, name)
        weights: Weights = self._stored(parent.file.path, tensor)
        for adapter in parent.adapters:
            if adapter.changes(tensor.name):
                read = partial(self._whole, adapter.file.path)
                weights = adapter.applied(tensor.name, weights, read)
        return weights

    def _stored(self, path: Path, tensor: Tensor) -> Stored:
        return Stored(file=self._sources[path], path=path, tensor=tensor)

    def _whole(self, path: Path, tensor: Tensor) -> Floats:
        return self._stored(path, tensor).read(Span(0, tensor.count))


@dataclass(frozen=True, slots=True)
class _Place:
    """A tensor of the result: where it goes and how to compute it."""

    out: int
    tensor: Planned
    combine: Combine

    def write(self, run: Span) -> int:
        """Compute a run and write it; return its size in bytes."""
        kind = self.tensor.kind
        parts = [encoded(self.combine(span), kind) for span in spans(run)]
        data = parts[0] if len(parts) == 1 else np.concatenate(parts)
        before = size_bytes(run.start, kind)
        _write(self.out, data.data, self.tensor.offset + before)
        return len(data)


def _write(out: int, data: bytes | memoryview, offset: int) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(out, view, offset)
        view, offset = view[count:], offset + count


def _settings(recipe: Recipe, fit: Fit, tensor: str) -> TensorSettings:
    return recipe.at(_called(recipe, fit, tensor), depth(tensor, fit.layers))


def _called(recipe: Recipe, fit: Fit, tensor: str) -> str:
    """A tensor's name as the recipe's filters spell it."""
    match recipe.origin.filters:
        case "gguf":
            return tensor
        case "transformers":
            return usual_name(tensor, fit.architecture, fit.layers)


def _check_effects(recipe: Recipe, fit: Fit) -> None:
    names = [_called(recipe, fit, tensor) for tensor in fit.tensors]
    if problem := next(recipe.without_effect(names), None):
        raise InvalidRecipe(f"{recipe.place}{problem}", hint=_HINTS[recipe.origin.filters])


def _check_out(plan: Plan, out: Path) -> None:
    """Check that no source model would be overwritten and that the disk has room."""
    blueprint = plan.blueprint
    paths = [path for parent in plan.parents for path in parent.paths]
    if out.exists() and any(out.samefile(path) for path in paths):
        raise InvalidInput(
            f"{out} is one of the models to merge", hint="Give the result another name"
        )
    try:
        free = shutil.disk_usage(out.parent).free
    except OSError as exc:
        raise MergeFailed(f"{out.parent} cannot be written: {exc.strerror}") from exc
    if free < blueprint.size_bytes:
        raise MergeFailed(
            f"the result needs {blueprint.size_bytes >> 20} MB, but {out.parent} has only "
            f"{free >> 20} MB left",
            hint="Free some space, write it elsewhere, or make it smaller: --quantize Q4_0",
        )
