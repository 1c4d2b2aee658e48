"""The numbers of a tensor, a span at a time, whatever their source and type.

Files are read with `pread`, not mapped: mapped pages would count as memory of the process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from metier.errors import MergeFailed
from metier.merging.encoding import Floats, decoded, size_bytes
from metier.merging.gguf_file import Tensor

# Numbers processed at once: a multiple of every type's block, and few enough that intermediate
# results stay in the processor's cache.
SPAN = 1 << 16


@dataclass(frozen=True, slots=True)
class Span:
    """The numbers from `start` up to `stop` of a flattened tensor."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many numbers it has."""
        return self.stop - self.start


def spans(run: Span) -> Iterator[Span]:
    """Cut a run, which begins at a multiple of `SPAN`, into spans.

    The cuts are the same whatever the run, and so are the random numbers drawn for each span.
    """
    step = range(run.start, run.stop, SPAN)
    return (Span(start, min(start + SPAN, run.stop)) for start in step)


class Weights(Protocol):
    """One tensor of one model."""

    def read(self, span: Span) -> Floats:
        """Return the numbers of a span, shape (length,); do not modify them.

        Raises:
            MergeFailed: they cannot be read, or are not finite.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A tensor in an open file."""

    file: int
    path: Path
    tensor: Tensor

    def read(self, span: Span) -> Floats:
        """Read a span and convert it to float32."""
        kind = self.tensor.kind
        wanted = size_bytes(span.length, kind)
        try:
            data = os.pread(self.file, wanted, self.tensor.offset + size_bytes(span.start, kind))
        except OSError as exc:
            raise MergeFailed(f"{self.path} cannot be read: {exc.strerror}") from exc
        if len(data) != wanted:
            raise MergeFailed(f"{self.path} became shorter while being read")
        values = decoded(data, kind)
        # The sum is not finite if any value is not, and costs less than checking each.
        with np.errstate(invalid="ignore"):
            total = values.sum()
        if not np.isfinite(total):
            raise MergeFailed(
                f"{self.tensor.name} of {self.path} contains values that are not finite numbers",
                hint="The model is damaged; download it again",
            )
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Patched:
    """A tensor with some rows taken from another model.

    Attributes:
        rows: which ones, in ascending order; they may go beyond its own last row.
        width: the length of a row, a multiple of both types' blocks.
    """

    own: Weights
    other: Weights
    rows: npt.NDArray[np.int64]
    width: int

    def read(self, span: Span) -> Floats:
        """Read a span, with the other model's rows in place."""
        values = np.empty(span.length, np.float32)
        for source, part in self._parts(span):
            values[part.start - span.start : part.stop - span.start] = source.read(part)
        return values

    def _parts(self, span: Span) -> Iterator[tuple[Weights, Span]]:
        first, last = np.searchsorted(self.rows, [span.start // self.width, span.stop / self.width])
        at = span.start
        for row in self.rows[first:last].tolist():
            start, stop = row * self.width, min((row + 1) * self.width, span.stop)
            if at < start:
                yield self.own, Span(at, start)
            yield self.other, Span(max(at, start), stop)
            at = stop
        if at < span.stop:
            yield self.own, Span(at, span.stop)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a file to read from with `Stored`.

    Raises:
        MergeFailed: it cannot be opened.
    """
    try:
        # Do not wait for a pipe that has replaced the file.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as exc:
        raise MergeFailed(f"{path} cannot be read: {exc.strerror}") from exc
    try:
        yield file
    finally:
        os.close(file)
