"""Make a model from a recipe: check, merge, hand to Ollama, evaluate, report."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args
from uuid import uuid4

import anyio
import anyio.from_thread
import anyio.to_thread

from metier.errors import InvalidInput, MergeFailed
from metier.experts.model_choice import full_name
from metier.merging.acceptance import Exercise, GateReport, passed_gate
from metier.merging.encoding import STORED, StoredType
from metier.merging.licences import texts
from metier.merging.merging import Plan, merge, planned
from metier.merging.parents import Parent, found, parts
from metier.merging.recipe import Recipe, Source
from metier.merging.report import MergeReport, keep, report_file
from metier.merging.store import Packaging, Report, Store
from metier.models.control import without_surrogates
from metier.models.ollama import OllamaServer
from metier.models.server import Progress
from metier.settings import Settings
from metier.settings.files import private_folder, temporary_folder

# Ollama makes these from F16.
OllamaType = Literal["Q4_K_M", "Q4_K_S"]
OutputType = StoredType | OllamaType

_PREFIX = "metier-merge-"
_NAME = re.compile(r"[\w.-]+(/[\w.-]+)*(:[\w.-]+)?")


def type_named(name: str) -> OutputType:
    """Return the number type with this name, in upper or lower case.

    Raises:
        InvalidInput: there is none.
    """
    known: dict[str, OutputType] = {kind: kind for kind in (*STORED, *get_args(OllamaType))}
    if (kind := known.get(name.upper())) is None:
        raise InvalidInput(f"unknown type {name!r}; known: {', '.join(known)}")
    return kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A model to make.

    Attributes:
        name: its name in Ollama, or a file if it ends with `.gguf`.
        kind: the number type.
        replace: whether an existing model or file of that name may be replaced.
        exercises: the questions to evaluate it with; None skips the evaluation.
        margin: how much less accurate than its best parent it may be, as a share.
    """

    recipe: Recipe
    name: str
    kind: OutputType = "Q8_0"
    threads: int | None = None
    replace: bool = False
    exercises: Sequence[Exercise] | None = None
    margin: float = 0.02

    @property
    def file(self) -> Path | None:
        """The output file; None if the model goes to Ollama."""
        return Path(self.name).expanduser() if self.name.endswith(".gguf") else None

    @property
    def title(self) -> str:
        """The name written into the model."""
        return self.name if self.file is None else self.file.stem

    @property
    def stored(self) -> StoredType:
        """The number type that metier writes."""
        return next((kind for kind in STORED if kind == self.kind), "F16")

    @property
    def quantize(self) -> str:
        """The number type that Ollama then converts it to; empty for none."""
        return "" if self.stored == self.kind else self.kind


class Maker:
    """Makes merged models on one Ollama."""

    def __init__(
        self, settings: Settings, store: Store, *, report: Report = lambda _: None
    ) -> None:
        self._settings = settings
        self._store = store
        self._report = report

    @asynccontextmanager
    async def planned(self, wanted: Wanted) -> AsyncIterator[Plan]:
        """Find the models and check everything that can be checked before any weight is read.

        Raises:
            InvalidInput: a name is invalid or taken.
            MergeError, ModelError, ModelServerError: as for `found` and `planned`.
        """
        await _check_name(wanted, self._store)
        recipe = wanted.recipe
        async with found(
            recipe.parents, self._store, base=recipe.base, report=self._report
        ) as parents:
            yield planned(recipe, parents, name=wanted.title, kind=wanted.stored)

    async def make(self, wanted: Wanted, plan: Plan) -> MergeReport:
        """Make the model. A failure leaves nothing, a rejected model only its report.

        Raises:
            MergeFailed: a weight cannot be read, or the result cannot be written.
        """
        with temporary_folder(self._scratch(wanted), _PREFIX) as scratch:
            path = scratch / "model.gguf"
            merged = await anyio.to_thread.run_sync(
                partial(merge, plan, path, threads=wanted.threads, report=self._checking)
            )
            gate = await self._kept(wanted, plan, path)
        report = MergeReport.of(
            plan, merged, model=wanted.name, quantization=wanted.kind, gate=gate
        )
        keep(report, report_file(self._settings, report))
        return report

    def _scratch(self, wanted: Wanted) -> Path:
        """A folder on the result's disk; the system's temporary folder may be in memory."""
        folder = wanted.file.parent if wanted.file else scratch_folder(self._settings)
        try:
            if wanted.file is None:
                private_folder(folder)
            return folder.resolve(strict=True)
        except OSError as exc:
            raise MergeFailed(f"{folder} cannot be written: {exc.strerror}") from exc

    def _checking(self, progress: Progress) -> None:
        """Report progress, and stop the thread if its task was cancelled."""
        anyio.from_thread.check_cancelled()
        self._report(progress)

    async def _kept(self, wanted: Wanted, plan: Plan, path: Path) -> GateReport | None:
        """Put the result in its place if it passes the gate."""
        packaging = packaging_of(plan)
        if wanted.exercises is None:
            await self._placed(wanted, path, packaging)
            return None
        async with AsyncExitStack() as stack:
            candidate = await stack.enter_async_context(
                self._for_now(path, packaging, quantize=wanted.quantize)
            )
            parents = [
                (each.name, await self._running(each, packaging, path.parent, stack))
                for each in plan.parents
            ]
            server = OllamaServer.from_settings(self._settings)
            stack.push_async_callback(server.aclose)
            gate = await passed_gate(
                server,
                wanted.exercises,
                child=(wanted.name, candidate),
                parents=parents,
                margin=wanted.margin,
                report=self._report,
            )
            if gate.passed and wanted.file is None:
                await self._store.copy(candidate, wanted.name)
        if gate.passed and wanted.file is not None:
            await anyio.Path(path).replace(wanted.file)
        return gate

    async def _placed(self, wanted: Wanted, path: Path, packaging: Packaging) -> None:
        if wanted.file is not None:
            await anyio.Path(path).replace(wanted.file)
            return
        await self._store.create(
            wanted.name,
            {"model.gguf": path},
            packaging=packaging,
            quantize=wanted.quantize,
            report=self._report,
        )

    async def _running(
        self, parent: Parent, packaging: Packaging, scratch: Path, stack: AsyncExitStack
    ) -> str:
        """The server's name for a parent; files are uploaded for the evaluation only."""
        if parent.installed is not None:
            return parent.installed
        path = await self._with_adapters(parent, scratch) if parent.adapters else parent.file.path
        return await stack.enter_async_context(self._for_now(path, packaging, quantize=""))

    async def _with_adapters(self, parent: Parent, scratch: Path) -> Path:
        recipe = Recipe(method="passthrough", models=(Source(model=parent.name),))
        plan = planned(recipe, [parent], name=parent.title, kind="Q8_0")
        path = scratch / f"{uuid4().hex[:12]}.gguf"
        await anyio.to_thread.run_sync(partial(merge, plan, path, report=self._checking))
        return path

    @asynccontextmanager
    async def _for_now(
        self, path: Path, packaging: Packaging, *, quantize: str
    ) -> AsyncIterator[str]:
        """A model that exists only inside the context."""
        name = f"{_PREFIX}{uuid4().hex[:12]}"
        files = {"model.gguf": path}
        try:
            await self._store.create(
                name, files, packaging=packaging, quantize=quantize, report=self._report
            )
            yield name
        finally:
            with anyio.CancelScope(shield=True):
                if await self._store.has(full_name(name)):
                    await self._store.delete(name)


def scratch_folder(settings: Settings) -> Path:
    """Return the folder where results are written before they go to Ollama."""
    return settings.cache_dir / "merging"


def packaging_of(plan: Plan) -> Packaging:
    """Take template and parameters from the first parent in Ollama, and the licences of all."""
    packaged = (each.packaging for each in plan.parents if each.packaging.fields)
    licences = texts([each.licence for each in plan.parents])
    return Packaging(fields=next(packaged, Packaging()).fields, licences=licences)


async def _check_name(wanted: Wanted, store: Store) -> None:
    name, file = wanted.name, wanted.file
    if without_surrogates(name) != name:
        raise InvalidInput(f"{name!r} is not UTF-8 text", hint="Give the result another name")
    if file is None and not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} is not a valid model name", hint="Use one such as my-model:7b, or out.gguf"
        )
    if file is not None and wanted.quantize:
        raise InvalidInput(
            f"only Ollama can make {wanted.kind}, so it cannot be written to a file",
            hint="Give the name of a new Ollama model, or another type",
        )
    models = [part for parent in wanted.recipe.parents for part in parts(parent)]
    if name in models or full_name(name) in map(full_name, models):
        raise InvalidInput(
            f"{name!r} is one of the models to merge", hint="Give the result another name"
        )
    taken = await anyio.Path(file).exists() if file else await store.has(full_name(name))
    if taken and not wanted.replace:
        raise InvalidInput(
            f"{name!r} already exists", hint="Give another name, or --replace to replace it"
        )
