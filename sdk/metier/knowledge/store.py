"""The knowledge of one domain: documents added, brought up to date, removed and searched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import anyio
import anyio.to_thread
import numpy as np

from metier.embedding.checking import embedded
from metier.errors import IndexUnavailable, InvalidInput, nearest
from metier.knowledge import saving
from metier.knowledge.chunks import Chunk, windows
from metier.knowledge.documents import (
    Found,
    Skipped,
    Unreadable,
    check_pdf_reader,
    chunks_of,
    content,
    files_in,
)
from metier.knowledge.passages import Passage
from metier.knowledge.saving import Entry, KeptChunk, Saved
from metier.knowledge.searching import WordIndex, fused
from metier.models.embedder import Embedder, Vectors
from metier.models.nearest import NearestVectors

# Texts that are embedded at once.
BATCH = 64
# A vector's id is its chunk's number times this, plus which window of the chunk it is of.
_WINDOWS = 16
# How far down each order is read before they are fused.
_SEARCHED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far adding is: documents that are done, of how many, and the chunks of the domain."""

    file: str
    done: int
    total: int
    chunks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What adding changed; documents by the name that they are cited by."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()


class KnowledgeBase:
    """The documents of one domain, searched by meaning and by words.

    It is read when it is opened and written when it changes. Nothing is embedded twice.

    Args:
        folder: where it is kept; it need not exist.
        embedder: whose vectors it searches by.
    """

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self.folder = folder
        self._embedder = embedder
        self._entries: dict[str, Entry] = {}
        self._names: set[str] = set()
        self._kept: dict[int, KeptChunk] = {}
        self._next = 0
        self._table: NearestVectors | None = None  # None: to be made from the chunks
        self._words: WordIndex | None = None
        self._busy = anyio.Lock()

    @classmethod
    def open(cls, folder: Path, embedder: Embedder) -> Self:
        """What is saved in a folder; nothing where nothing is.

        Raises:
            IndexUnavailable: what is saved is damaged.
        """
        base = cls(folder, embedder)
        saved = saving.read(folder)
        if saved is not None:
            base._entries = {entry.path: entry for entry in saved.entries}
            base._names = {entry.name for entry in saved.entries}
            base._kept = {kept.number: kept for kept in saved.chunks}
            base._next = saved.next_number
            table = saving.read_vectors(folder, saved)
            fits = table is not None and set((table.ids // _WINDOWS).tolist()) == set(base._kept)
            base._table = table if fits and saved.embedder == embedder.id else None
        return base

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The documents by their path."""
        return self._entries

    @property
    def chunks(self) -> list[Chunk]:
        """The chunks of all documents."""
        return [kept.chunk for kept in self._kept.values()]

    @property
    def stale(self) -> bool:
        """Whether all vectors have to be made: they are damaged, or another embedder's."""
        return bool(self._kept) and self._table is None

    async def add(
        self, place: Path, *, progress: Callable[[Progress], None] = lambda _: None
    ) -> Change:
        """Add a file or a folder; one that was added before is brought up to date.

        Only content that is new or changed is read and embedded. What was there before and is gone,
        or cannot be read any more, goes. What was done stays where it is interrupted.

        Raises:
            InvalidInput: there is nothing that can be read, or the reader of PDFs is missing.
            IndexUnavailable: it cannot be saved.
        """
        async with self._busy:
            root, found, skipped = await anyio.to_thread.run_sync(_looked_at, place)
            adding = _Adding(skipped=skipped)
            try:
                adding.dirty = await self._make_vectors()
                for done, each in enumerate(found):
                    progress(
                        Progress(file=each.name, done=done, total=len(found), chunks=len(self))
                    )
                    await self._take(each, root, adding)
                self._drop_gone(root, adding)
            finally:
                if adding.dirty:
                    self._save()
            return adding.change(place)

    def remove(self, which: str) -> list[str]:
        """Remove documents, by path, by a folder above them, or by the name they are cited by.

        Returns:
            The names of those that went.

        Raises:
            InvalidInput: there is none.
        """
        path = Path(which).expanduser().resolve()
        gone = [
            entry
            for entry in self._entries.values()
            if entry.name == which or Path(entry.path).is_relative_to(path)
        ]
        if not gone:
            close = nearest(which, [entry.name for entry in self._entries.values()])
            raise InvalidInput(
                f"no document is called {which!r}{close}", hint="See: metier knowledge list"
            )
        for entry in gone:
            self._forget(entry.path)
        self._save()
        return [entry.name for entry in gone]

    async def search(self, query: str, k: int = 4, *, words: bool = True) -> list[Passage]:
        """The `k` passages that fit best, best first; fewer where there are fewer.

        Args:
            words: rank by words in common too (BM25), and fuse both orders: it finds names, codes
                and numbers that say little to an embedder.
        """
        if not self._kept or not query.strip():
            return []
        async with self._busy:
            asked = await embedded(self._embedder, [query])
            self._drop_vectors_unless(asked.shape[1])
            if await self._make_vectors():
                # A folder that cannot be written costs the same time again, and nothing else.
                with suppress(IndexUnavailable):
                    self._save()
            if words and self._words is None:
                texts = {number: _said(kept.chunk) for number, kept in self._kept.items()}
                self._words = await anyio.to_thread.run_sync(WordIndex, texts)
            near = self._nearest(asked)
            by_words = self._words.ranked(query, _SEARCHED) if words and self._words else []
            return [
                Passage(
                    chunk=self._kept[number].chunk,
                    score=score,
                    similarity=near.get(number) or self._similarity(number, asked),
                )
                for number, score in fused([list(near), by_words])[:k]
            ]

    def _nearest(self, asked: Vectors) -> dict[int, float]:
        """Similarities by chunk, best first; of a chunk's windows the best counts."""
        assert self._table is not None  # `_make_vectors` has run
        ids, similarities = self._table.nearest(asked, _SEARCHED)
        near: dict[int, float] = {}
        for i, similarity in zip(ids[0].tolist(), similarities[0].tolist(), strict=True):
            near.setdefault(i // _WINDOWS, similarity)
        near.pop(-1, None)  # an approximate search that found fewer
        return near

    def _similarity(self, number: int, asked: Vectors) -> float:
        assert self._table is not None  # `_make_vectors` has run
        ids = np.array(self._vector_ids(number), dtype=np.int64)
        return float((self._table.vectors(ids) @ asked[0]).max())

    async def _take(self, found: Found, root: Path, adding: _Adding) -> None:
        """Bring one file's chunks up to date."""
        path = str(found.path)
        before = self._entries.get(path)
        name = before.name if before else self._free_name(found)
        try:
            data, sha256 = await anyio.to_thread.run_sync(content, found.path)
            if before is not None and before.sha256 == sha256:
                adding.unchanged.append(name)
                return
            chunks = await anyio.to_thread.run_sync(chunks_of, data, name)
        except Unreadable as exc:
            adding.skipped.append(Skipped(path=path, reason=str(exc)))
            return
        vectors = await self._embedded(chunks)
        self._drop_vectors_unless(vectors[0].shape[1])
        await self._make_vectors()
        if before is not None:
            self._forget(path)
        self._insert(path, chunks, vectors)
        self._names.add(name)
        self._entries[path] = Entry(
            path=path,
            name=name,
            root=before.root if before else str(root),
            sha256=sha256,
            size_bytes=len(data),
            chunks=len(chunks),
        )
        (adding.changed if before else adding.added).append(name)
        adding.dirty = True

    def _drop_gone(self, root: Path, adding: _Adding) -> None:
        """Forget what was added from here before and cannot be read here now."""
        seen = {*adding.added, *adding.changed, *adding.unchanged}
        skipped = {each.path for each in adding.skipped}
        for entry in list(self._entries.values()):
            path = Path(entry.path)
            if entry.name in seen or not path.is_relative_to(root):
                continue
            if entry.root == str(root) or entry.path in skipped or not path.exists():
                self._forget(entry.path)
                adding.removed.append(entry.name)
                adding.dirty = True

    def _free_name(self, found: Found) -> str:
        """Its name; where another document has it already, the whole path."""
        return str(found.path) if found.name in self._names else found.name

    async def _embedded(self, chunks: Iterable[Chunk]) -> list[Vectors]:
        """The vectors of each chunk's windows."""
        parts = [windows(chunk)[:_WINDOWS] for chunk in chunks]
        texts = [text for part in parts for text in part]
        batches: list[Vectors] = []
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            dimension = batches[0].shape[1] if batches else None
            batches.append(
                await embedded(self._embedder, batch, role="document", dimension=dimension)
            )
        borders = np.cumsum([len(part) for part in parts])[:-1]
        return np.split(np.concatenate(batches), borders)

    def _insert(self, path: str, chunks: Iterable[Chunk], vectors: Iterable[Vectors]) -> None:
        for chunk, own in zip(chunks, vectors, strict=True):
            self._kept[self._next] = KeptChunk(number=self._next, path=path, chunk=chunk)
            self._set_vectors(self._next, own)
            self._next += 1

    def _set_vectors(self, number: int, own: Vectors) -> None:
        if self._table is None:
            self._table = NearestVectors(own.shape[1])
        first = number * _WINDOWS
        self._table.add(np.arange(first, first + len(own), dtype=np.int64), own)

    def _forget(self, path: str) -> None:
        self._names.discard(self._entries.pop(path).name)
        numbers = [number for number, kept in self._kept.items() if kept.path == path]
        if self._table is not None:
            ids = [i for number in numbers for i in self._vector_ids(number)]
            self._table.remove(np.array(ids, dtype=np.int64))
        for number in numbers:
            del self._kept[number]

    def _vector_ids(self, number: int) -> list[int]:
        count = len(windows(self._kept[number].chunk)[:_WINDOWS])
        return list(range(number * _WINDOWS, number * _WINDOWS + count))

    def _drop_vectors_unless(self, dimension: int) -> None:
        """Drop all vectors if they have another length: the embedder's model was replaced."""
        if self._table is not None and self._table.dimension != dimension:
            self._table = None

    async def _make_vectors(self) -> bool:
        """Make all vectors where there are none that can be used."""
        if not self.stale:
            return False
        vectors = await self._embedded(self.chunks)
        for number, own in zip(self._kept, vectors, strict=True):
            self._set_vectors(number, own)
        return True

    def _save(self) -> None:
        self._words = None
        if not self._entries:
            saving.erase(self.folder)
            return
        saved = Saved(
            embedder=self._embedder.id,
            vectors="",
            next_number=self._next,
            entries=tuple(self._entries.values()),
            chunks=tuple(self._kept.values()),
        )
        saving.write(self.folder, saved, self._table)


@dataclass(slots=True, kw_only=True)
class _Adding:
    """What one call of `add` did so far.

    Attributes:
        dirty: whether there is something to save.
    """

    skipped: list[Skipped]
    dirty: bool = False
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def change(self, place: Path) -> Change:
        """The outcome.

        Raises:
            InvalidInput: nothing could be read, and nothing was there before.
        """
        if not (self.added or self.changed or self.unchanged or self.removed):
            first = self.skipped[0] if self.skipped else None
            why = f": {Path(first.path).name}: {first.reason}" if first else ""
            more = f", and {len(self.skipped) - 1} more" if len(self.skipped) > 1 else ""
            raise InvalidInput(
                f"nothing in {str(place)!r} can be read{why}{more}",
                hint="metier reads Markdown (.md), plain text (.txt) and PDF",
            )
        return Change(
            added=tuple(self.added),
            changed=tuple(self.changed),
            unchanged=tuple(self.unchanged),
            removed=tuple(self.removed),
            skipped=tuple(self.skipped),
        )


def _looked_at(place: Path) -> tuple[Path, list[Found], list[Skipped]]:
    """The place itself, what can be read there, and what cannot."""
    looked = list(files_in(place))
    found = [each for each in looked if isinstance(each, Found)]
    check_pdf_reader(found)
    skipped = [each for each in looked if isinstance(each, Skipped)]
    return place.expanduser().resolve(), found, skipped


def _said(chunk: Chunk) -> str:
    """What the words of a chunk are: its document's name and its headings count too."""
    return "\n".join([chunk.name, *chunk.headings, chunk.text])
