"""Merges on another machine: the job that is sent there, its execution and its updates."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path

import anyio.to_thread
from pydantic import BaseModel, ConfigDict

from metier.engine.streaming import event_stream
from metier.errors import InvalidInput, MergeFailed, WeightsUnavailable
from metier.merging.acceptance import Exercise
from metier.merging.exercises import exercises
from metier.merging.making import Maker, OutputType, Wanted
from metier.merging.parents import is_path, parts
from metier.merging.recipe import Origin, Recipe
from metier.merging.report import MergeReport, report_file
from metier.merging.store import Store
from metier.models.server import Progress
from metier.settings import Settings

# Minimum time between two reports of the same stage.
_EVERY_S = 0.5


class MergeJob(BaseModel):
    """A merge for another machine to make.

    Attributes:
        origin: the recipe's, which its JSON does not contain.
        evaluate: the file or domain whose questions decide whether the result is kept; empty to
            skip the evaluation.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    recipe: Recipe
    origin: Origin
    name: str
    kind: OutputType
    threads: int | None
    replace: bool
    evaluate: str
    margin: float

    @classmethod
    def of(cls, wanted: Wanted, *, evaluate: str) -> MergeJob:
        """Create the job that makes a model.

        Raises:
            InvalidInput: a path is relative, so it would mean another file on each machine.
        """
        for name in (*_parts(wanted.recipe), wanted.name):
            if is_path(name) and not Path(name).expanduser().is_absolute():
                raise InvalidInput(
                    f"{name!r} is a relative path, but every node has its own working folder",
                    hint="Give the absolute path of the file on the nodes",
                )
        return cls(
            recipe=wanted.recipe,
            origin=wanted.recipe.origin,
            name=wanted.name,
            kind=wanted.kind,
            threads=wanted.threads,
            replace=wanted.replace,
            evaluate=evaluate,
            margin=wanted.margin,
        )

    @property
    def models(self) -> tuple[str, ...]:
        """The models that the machine's own Ollama must have."""
        return tuple(name for name in _parts(self.recipe) if not is_path(name))

    def wanted(self, exercises: list[Exercise] | None) -> Wanted:
        """The model to make."""
        return Wanted(
            recipe=self.recipe.with_origin(self.origin),
            name=self.name,
            kind=self.kind,
            threads=self.threads,
            replace=self.replace,
            exercises=exercises,
            margin=self.margin,
        )


class MergeUpdate(BaseModel):
    """The progress or the outcome of a merge.

    Attributes:
        file: the path of the report on the machine that made the merge.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    progress: Progress | None = None
    report: MergeReport | None = None
    file: str = ""


async def merged_here(settings: Settings, job: str) -> AsyncGenerator[str, None]:
    """Run a merge on this machine; job and updates are JSON. Closing the stream cancels it.

    Raises:
        WeightsUnavailable: a file is not on this machine.
        MetierError: as for `Maker`.
    """
    run = partial(_run, MergeJob.model_validate_json(job), settings)
    async with aclosing(event_stream(run)) as updates:
        async for update in updates:
            yield update.model_dump_json(by_alias=True)


async def _run(job: MergeJob, settings: Settings, emit: Callable[[MergeUpdate], None]) -> None:
    await anyio.to_thread.run_sync(_check_files, job)
    questions: list[Exercise] | None = None
    if job.evaluate:
        questions = await anyio.to_thread.run_sync(exercises, job.evaluate, settings)
    telling = _Telling(emit)
    try:
        async with Store(settings) as store:
            maker = Maker(settings, store, report=telling)
            wanted = job.wanted(questions)
            async with maker.planned(wanted) as plan:
                report = await maker.make(wanted, plan)
    finally:
        telling.ended = True
    emit(MergeUpdate(report=report, file=str(report_file(settings, report))))


def _check_files(job: MergeJob) -> None:
    for name in _parts(job.recipe):
        if is_path(name) and not Path(name).expanduser().exists():
            raise WeightsUnavailable(f"{name!r} is not on this machine")


class _Telling:
    """Passes progress on from any thread; the same stage at most twice a second.

    Attributes:
        ended: whether the merge has ended; a thread that is still working is then stopped.
    """

    def __init__(self, emit: Callable[[MergeUpdate], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._emit = emit
        self._last = ("", 0.0)
        self.ended = False

    def __call__(self, progress: Progress) -> None:
        if self.ended:
            raise MergeFailed("the merge was cancelled")
        kind, now = progress.status.partition(":")[0], time.monotonic()
        if kind != self._last[0] or now - self._last[1] > _EVERY_S:
            self._last = (kind, now)
            self._loop.call_soon_threadsafe(self._emit, MergeUpdate(progress=progress))


def _parts(recipe: Recipe) -> list[str]:
    return [part for parent in recipe.parents for part in parts(parent)]
