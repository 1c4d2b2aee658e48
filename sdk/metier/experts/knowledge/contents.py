"""The documents of a domain in memory: their chunks and the vectors of these, without a disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from metier.errors import InvalidInput, nearest
from metier.experts.knowledge.chunks import Chunk, windows
from metier.experts.knowledge.documents import Found
from metier.experts.knowledge.saving import Entry, KeptChunk, Saved
from metier.models.embedder import Vectors
from metier.models.nearest import NearestVectors

# A vector's id is its chunk's number times this, plus which window of the chunk it is of.
_WINDOWS = 16


class Contents:
    """Documents by their path, chunks by their number, vectors by chunk."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._names: set[str] = set()
        self._kept: dict[int, KeptChunk] = {}
        self._numbers: dict[str, list[int]] = {}  # of the chunks, by the document's path
        self._next = 0
        self._table: NearestVectors | None = None

    @classmethod
    def of(cls, saved: Saved, table: NearestVectors | None) -> Self:
        """What was saved; vectors that do not belong to these chunks are left out."""
        contents = cls()
        contents._entries = {entry.path: entry for entry in saved.entries}
        contents._names = {entry.name for entry in saved.entries}
        contents._kept = {kept.number: kept for kept in saved.chunks}
        contents._next = saved.next_number
        for number, kept in contents._kept.items():
            contents._numbers.setdefault(kept.path, []).append(number)
        if table is not None and set(table.ids.tolist()) == set(contents._ids(contents._kept)):
            contents._table = table
        return contents

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The documents by their path."""
        return self._entries

    @property
    def chunks(self) -> Mapping[int, Chunk]:
        """The chunks by their number."""
        return {number: kept.chunk for number, kept in self._kept.items()}

    def chunk(self, number: int) -> Chunk:
        """The chunk with a number."""
        return self._kept[number].chunk

    def called(self, which: str) -> list[Entry]:
        """The documents that are meant by a name, a file or a folder.

        Raises:
            InvalidInput: there is none.
        """
        path = Path(which).expanduser().resolve()
        entries = self._entries.values()
        found = [e for e in entries if e.name == which or Path(e.path).is_relative_to(path)]
        if not found:
            close = nearest(which, self._names)
            raise InvalidInput(
                f"no document is called {which!r}{close}", hint="See: metier knowledge list"
            )
        return found

    def free_name(self, found: Found) -> str:
        """A file's name; if another document has it already, the whole path."""
        return str(found.path) if found.name in self._names else found.name

    @property
    def table(self) -> NearestVectors | None:
        """The vectors; None if there are none yet, or they have to be made again."""
        return self._table

    @property
    def stale(self) -> bool:
        """Whether there are chunks, and no vectors of them."""
        return bool(self._kept) and self._table is None

    def saved(self, embedder_id: str) -> Saved:
        """Everything but the vectors, as it is saved."""
        return Saved(
            embedder=embedder_id,
            vectors="",
            next_number=self._next,
            entries=tuple(self._entries.values()),
            chunks=tuple(self._kept.values()),
        )

    def insert(self, entry: Entry, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Add a document, or put it in the place of the one with the same path.

        Args:
            vectors: of the texts of all chunks, in their order; see `texts_of`.
        """
        self.forget(entry.path)
        numbers = list(range(self._next, self._next + len(chunks)))
        self._next += len(chunks)
        self._entries[entry.path] = entry
        self._names.add(entry.name)
        self._numbers[entry.path] = numbers
        for number, chunk in zip(numbers, chunks, strict=True):
            self._kept[number] = KeptChunk(number=number, path=entry.path, chunk=chunk)
        self._add(numbers, vectors)

    def forget(self, path: str) -> None:
        """Remove a document; one that is not there is no error."""
        if path in self._entries:
            self._names.discard(self._entries.pop(path).name)
        numbers = self._numbers.pop(path, [])
        if self._table is not None:
            self._table.remove(np.array(self._ids(numbers), dtype=np.int64))
        for number in numbers:
            del self._kept[number]

    def set_vectors(self, vectors: Vectors | None) -> None:
        """Put the vectors of all chunks in the place of those that are there; None drops them."""
        self._table = None
        if vectors is not None:
            self._add(self._kept, vectors)

    def nearest(self, query: Vectors, most: int) -> dict[int, float]:
        """Similarities by chunk, best first; of a chunk's windows the best counts."""
        assert self._table is not None  # not stale
        ids, similarities = self._table.nearest(query, most)
        near: dict[int, float] = {}
        for i, similarity in zip(ids[0].tolist(), similarities[0].tolist(), strict=True):
            near.setdefault(i // _WINDOWS, similarity)
        near.pop(-1, None)  # an approximate search that found fewer
        return near

    def similarities(self, numbers: Iterable[int], query: Vectors) -> dict[int, float]:
        """How similar these chunks are to a query; of a chunk's windows the best counts."""
        assert self._table is not None  # not stale
        ids = self._ids(numbers)
        near: dict[int, float] = {}
        found = self._table.vectors(np.array(ids, dtype=np.int64)) @ query[0]
        for i, similarity in zip(ids, found.tolist(), strict=True):
            number = i // _WINDOWS
            near[number] = max(similarity, near.get(number, -1.0))
        return near

    def _add(self, numbers: Iterable[int], vectors: Vectors) -> None:
        if self._table is None:
            self._table = NearestVectors(vectors.shape[1])
        self._table.add(np.array(self._ids(numbers), dtype=np.int64), vectors)

    def _ids(self, numbers: Iterable[int]) -> list[int]:
        return [
            number * _WINDOWS + window
            for number in numbers
            for window in range(len(texts_of(self.chunk(number))))
        ]


def texts_of(chunk: Chunk) -> list[str]:
    """The texts of a chunk that get a vector each."""
    return windows(chunk)[:_WINDOWS]
