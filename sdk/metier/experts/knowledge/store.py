"""The knowledge of one domain: documents added, brought up to date, removed and searched."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from heapq import nlargest
from itertools import islice
from pathlib import Path
from typing import Self

import anyio
import anyio.to_thread
import numpy as np

from metier.errors import IndexUnavailable, Locked
from metier.experts.knowledge import saving
from metier.experts.knowledge.changes import Adding, Change, Progress
from metier.experts.knowledge.chunks import Chunk
from metier.experts.knowledge.contents import Contents, texts_of
from metier.experts.knowledge.documents import (
    Found,
    Skipped,
    Unreadable,
    check_pdf_reader,
    chunks_of,
    content,
    files_in,
)
from metier.experts.knowledge.passages import Passage
from metier.experts.knowledge.saving import Entry
from metier.experts.knowledge.searching import WordIndex, fused
from metier.models.embedder import Embedder, Vectors
from metier.models.vector_checks import embedded
from metier.settings.files import POLL_S, WAIT_S

# Texts that are embedded at once.
BATCH = 64
# How many are looked at: the nearest ones, and those with the most words in common.
_SEARCHED = 50
# All is written at each save. The next one waits for this many times what the last one took, so
# that saving costs a tenth of the time, and a process that is killed loses little.
_SAVES_APART = 10


class KnowledgeBase:
    """The documents of one domain, searched by meaning and by words.

    It is read when it is opened and written when it changes. Nothing is embedded twice. Writers in
    several processes follow each other, and each sees what the others saved.

    Args:
        folder: where it is kept; it need not exist.
        embedder: whose vectors it searches by.
    """

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self.folder = folder
        self._embedder = embedder
        self._contents = Contents()
        self._stamp: saving.Stamp = None
        self._words: WordIndex | None = None
        self._busy = anyio.Lock()
        self._saved_at = 0.0
        self._saving_took = 0.0

    @classmethod
    def open(cls, folder: Path, embedder: Embedder) -> Self:
        """Load what is saved in a folder; empty if nothing is.

        Raises:
            IndexUnavailable: what is saved is damaged.
        """
        base = cls(folder, embedder)
        saving.sweep(folder)
        base._read()
        return base

    def __len__(self) -> int:
        return len(self._contents)

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The documents by their path."""
        return self._contents.entries

    @property
    def chunks(self) -> list[Chunk]:
        """The chunks of all documents."""
        return list(self._contents.chunks.values())

    @property
    def stale(self) -> bool:
        """Whether all vectors have to be made: they are damaged, or another embedder's."""
        return self._contents.stale

    @property
    def is_current(self) -> bool:
        """Whether nobody has saved anything since this was read or saved."""
        return self._stamp == saving.stamp_of(self.folder)

    async def add(
        self,
        place: Path,
        *,
        sync: bool = False,
        progress: Callable[[Progress], None] = lambda _: None,
        waiting: Callable[[], None] = lambda: None,
    ) -> Change:
        """Add a file or a folder; one that was added before is brought up to date.

        Only content that is new or changed is read and embedded. A file that cannot be read is
        skipped; if it was added before, what was read then is kept. What is done is saved on the
        way, and stays if this is interrupted or killed.

        Args:
            sync: remove the documents whose files are gone.
            waiting: called once if another process is changing the same documents.

        Raises:
            InvalidInput: there is nothing that can be read, or the reader of PDFs is missing.
            InvalidEmbedding: the embedder returned vectors that cannot be used.
            IndexUnavailable: it cannot be saved, or another process is writing for too long.
        """
        async with self._writing(waiting):
            root, found, skipped = await anyio.to_thread.run_sync(_looked_at, place)
            adding = Adding(skipped=skipped)
            try:
                adding.dirty = await self._make_vectors()
                for done, each in enumerate(found):
                    progress(
                        Progress(file=each.name, done=done, total=len(found), chunks=len(self))
                    )
                    await self._take(each, root, adding)
                    if adding.dirty and self._may_save():
                        self._save()
                        adding.dirty = False
                self._look_for_gone(root, adding, sync=sync)
            finally:
                if adding.dirty:
                    self._save()
            return adding.change(place)

    def remove(self, which: str, *, waiting: Callable[[], None] = lambda: None) -> list[str]:
        """Remove documents, by path, by a folder above them, or by the name they are cited by.

        Args:
            waiting: called once if another process is changing the same documents.

        Returns:
            The names of those that went.

        Raises:
            InvalidInput: there is none.
            IndexUnavailable: it cannot be saved, or another process is writing for too long.
        """
        self._refresh()
        self._contents.called(which)  # nothing is locked for what is not there
        with saving.lock(self.folder, waiting=waiting):
            self._refresh()
            gone = self._contents.called(which)
            for entry in gone:
                self._contents.forget(entry.path)
            self._save()
        return [entry.name for entry in gone]

    async def search(self, query: str, k: int = 4, *, words: bool = True) -> list[Passage]:
        """The `k` passages that fit best, best first; fewer if there are fewer.

        Args:
            words: score words in common too (BM25): it finds names, codes and numbers that say
                little to an embedder.

        Raises:
            InvalidEmbedding: the embedder returned vectors that cannot be used.
        """
        if not self._contents or not query.strip():
            return []
        async with self._busy:
            asked = await embedded(self._embedder, [query])
            if await self._make_vectors(asked.shape[1]):
                self._save_vectors()
            if words and self._words is None:
                texts = {number: _said(chunk) for number, chunk in self._contents.chunks.items()}
                self._words = await anyio.to_thread.run_sync(WordIndex, texts)
            shares = self._words.shares(query) if words and self._words else {}
            similarities = self._contents.nearest(asked, _SEARCHED)
            by_words = nlargest(_SEARCHED, shares, key=lambda number: shares[number])
            similarities |= self._contents.similarities(set(by_words) - set(similarities), asked)
            return [
                Passage(
                    chunk=self._contents.chunk(number),
                    score=score,
                    similarity=similarities[number],
                )
                for number, score in islice(fused(similarities, shares).items(), k)
            ]

    async def _take(self, found: Found, root: Path, adding: Adding) -> None:
        """Bring one file's chunks up to date."""
        path = str(found.path)
        before = self.entries.get(path)
        try:
            data, sha256 = await anyio.to_thread.run_sync(content, found.path)
            if before is not None and before.sha256 == sha256:
                adding.unchanged.append(before.name)
                return
            name = before.name if before else self._contents.free_name(found)
            chunks = await anyio.to_thread.run_sync(chunks_of, data, name)
        except Unreadable as exc:
            kept = "; what was read before is kept" if before else ""
            adding.skipped.append(Skipped(path=path, reason=f"{exc}{kept}"))
            return
        vectors = await self._embedded(chunks)
        await self._make_vectors(vectors.shape[1])
        entry = Entry(
            path=path,
            name=name,
            root=before.root if before else str(root),
            sha256=sha256,
            size_bytes=len(data),
            chunks=len(chunks),
        )
        self._contents.insert(entry, chunks, vectors)
        (adding.changed if before else adding.added).append(name)
        adding.dirty = True

    def _look_for_gone(self, root: Path, adding: Adding, *, sync: bool) -> None:
        """Find the documents that were added from here and whose files are gone."""
        seen = {*adding.added, *adding.changed, *adding.unchanged}
        # Nothing is known of what is in a folder that cannot be read.
        unknown = [Path(each.path) for each in adding.skipped]
        for entry in list(self.entries.values()):
            path = Path(entry.path)
            if entry.name in seen or any(path.is_relative_to(each) for each in unknown):
                continue
            from_here = path.is_relative_to(root)
            if from_here and (entry.root == str(root) or not os.path.lexists(path)):
                (adding.removed if sync else adding.gone).append(entry.name)
                if sync:
                    self._contents.forget(entry.path)
                    adding.dirty = True

    async def _embedded(self, chunks: Iterable[Chunk]) -> Vectors:
        """The vectors of the texts of all chunks, in their order."""
        texts = [text for chunk in chunks for text in texts_of(chunk)]
        batches: list[Vectors] = []
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            dimension = batches[0].shape[1] if batches else None
            batches.append(
                await embedded(self._embedder, batch, role="document", dimension=dimension)
            )
        return np.concatenate(batches)

    async def _make_vectors(self, dimension: int | None = None) -> bool:
        """Make all vectors if there are none that can be used.

        Args:
            dimension: of the vectors that the embedder returns now. If those that were saved have
                another one, its model was replaced.
        """
        table = self._contents.table
        if table is not None and dimension not in (None, table.dimension):
            self._contents.set_vectors(None)
        if not self.stale:
            return False
        self._contents.set_vectors(await self._embedded(self.chunks))
        return True

    @asynccontextmanager
    async def _writing(self, waiting: Callable[[], None]) -> AsyncIterator[None]:
        """Be the only writer, and know what the others saved.

        The lock is tried again and again, not waited for in a thread: a wait in a thread cannot be
        cancelled, and a thread that gets the lock after all would hold it for ever.
        """
        async with self._busy:
            deadline = time.monotonic() + WAIT_S
            told = False
            while (held := self._lock(last=time.monotonic() >= deadline)) is None:
                if not told:
                    waiting()
                    told = True
                await anyio.sleep(POLL_S)
            with held:
                self._refresh()
                yield

    def _lock(self, *, last: bool) -> AbstractContextManager[object] | None:
        try:
            return saving.lock(self.folder, wait_s=0)
        except Locked:
            if last:
                raise
            return None

    def _refresh(self) -> None:
        if not self.is_current:
            self._read()

    def _read(self) -> None:
        """Take what is saved in place of what is here."""
        self._words = None
        self._stamp = saving.stamp_of(self.folder)
        found = saving.read(self.folder)
        if found is None:
            self._contents = Contents()
            return
        saved, table = found
        self._contents = Contents.of(saved, table if saved.embedder == self._embedder.id else None)

    def _may_save(self) -> bool:
        """Whether the last save is long enough ago, for the time that it took."""
        return time.monotonic() - self._saved_at >= _SAVES_APART * self._saving_took

    def _save_vectors(self) -> None:
        """Keep vectors that a search had to make; if that fails, the next one makes them again."""
        with suppress(IndexUnavailable), saving.lock(self.folder, wait_s=0):
            if self.is_current:
                self._save()

    def _save(self) -> None:
        """Write everything. Hold the lock."""
        self._words = None
        started = time.monotonic()
        if self.entries:
            saved = self._contents.saved(self._embedder.id)
            saving.write(self.folder, saved, self._contents.table)
        else:
            saving.clear(self.folder)
        self._stamp = saving.stamp_of(self.folder)
        self._saved_at = time.monotonic()
        self._saving_took = self._saved_at - started


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
