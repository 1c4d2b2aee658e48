"""The FAISS index over everything that every expert says it can do."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

import faiss
import numpy as np
import numpy.typing as npt

from metier.capability import Card
from metier.embedding.embedder import Embedder, Vectors
from metier.errors import IndexUnavailable

# Also raised when `embedding.embedder.normalised` changes: saved vectors are of its texts.
FORMAT = 2
# Below this many vectors an exact search takes under a millisecond; above it, HNSW.
EXACT_UP_TO = 20_000
_HNSW_LINKS = 32


class RowKind(StrEnum):
    """What a vector stands for."""

    DESCRIPTION = "description"
    EXAMPLE = "example"
    COUNTEREXAMPLE = "counterexample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A text of a card that has a vector."""

    expert: str
    capability: str
    kind: RowKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A row near a query, with its cosine similarity."""

    row: Row
    similarity: float


class CapabilityIndex:
    """Unit vectors of card texts, searched by inner product.

    Vectors have ids of their own, so that an expert can be added, replaced or removed without
    touching the others.

    Args:
        embedder_id: whose vectors these are; vectors of different embedders are not compared.
        dimension: length of a vector.
    """

    def __init__(self, embedder_id: str, dimension: int) -> None:
        self.embedder_id = embedder_id
        self.dimension = dimension
        self._rows: dict[int, Row] = {}
        self._hashes: dict[str, str] = {}
        self._next_id = 0
        self._faiss = _empty(dimension, size=0)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def experts(self) -> Mapping[str, str]:
        """The experts that are in it, each with the hash of its card's texts."""
        return self._hashes

    @property
    def rows(self) -> Mapping[int, Row]:
        """The rows by id."""
        return self._rows

    def hash(self) -> str:
        """SHA-256 over embedder and cards; what was learnt on one hash holds only for it."""
        content = json.dumps([self.embedder_id, sorted(self._hashes.items())])
        return hashlib.sha256(content.encode()).hexdigest()

    def add(self, card: Card, vectors: Vectors) -> None:
        """Add an expert; `vectors` has one row for each of `rows_of(card)`.

        Raises:
            ValueError: the expert is in the index, or the shape does not fit.
        """
        rows = list(rows_of(card))
        if card.id in self._hashes:
            raise ValueError(f"expert {card.id!r} is in the index; use replace")
        if vectors.shape != (len(rows), self.dimension):
            raise ValueError(f"{vectors.shape} vectors for {len(rows)} rows of {self.dimension}")
        ids = np.arange(self._next_id, self._next_id + len(rows), dtype=np.int64)
        self._make_room(len(rows))
        if len(rows):
            self._faiss.add_with_ids(np.ascontiguousarray(vectors, dtype=np.float32), ids)
        self._rows.update(zip(ids.tolist(), rows, strict=True))
        self._next_id += len(rows)
        self._hashes[card.id] = hash_of(card)

    def remove(self, expert: str) -> None:
        """Remove an expert; one that is not there is no error."""
        ids = [i for i, row in self._rows.items() if row.expert == expert]
        self._hashes.pop(expert, None)
        if not ids:
            return
        if isinstance(faiss.downcast_index(self._faiss.index), faiss.IndexHNSW):
            self._rebuild_without(set(ids))  # HNSW cannot forget a vector
        else:
            self._faiss.remove_ids(faiss.IDSelectorBatch(np.array(ids, dtype=np.int64)))
        for i in ids:
            del self._rows[i]

    def replace(self, card: Card, vectors: Vectors) -> None:
        """Put an expert in the place of the one with the same id."""
        self.remove(card.id)
        self.add(card, vectors)

    def search(self, queries: Vectors, k: int) -> list[list[Hit]]:
        """The nearest rows of each query, best first; fewer than `k` where there are fewer."""
        ids, similarities = self.nearest(queries, k)
        return [
            [
                Hit(row=self._rows[i], similarity=float(similarity))
                for i, similarity in zip(row_ids.tolist(), row_similarities, strict=True)
                if i >= 0
            ]
            for row_ids, row_similarities in zip(ids, similarities, strict=True)
        ]

    def nearest(self, queries: Vectors, k: int) -> tuple[npt.NDArray[np.int64], Vectors]:
        """Ids and similarities, both of shape (len(queries), min(k, len(self)))."""
        k = min(k, len(self))
        if k == 0:
            empty = np.empty((len(queries), 0))
            return empty.astype(np.int64), empty.astype(np.float32)
        similarities, ids = self._faiss.search(np.ascontiguousarray(queries, np.float32), k)
        return ids, similarities

    def vectors(self, ids: npt.NDArray[np.int64]) -> Vectors:
        """The vectors with these ids, shape (len(ids), dimension)."""
        return self._faiss.reconstruct_batch(ids)

    def save(self, folder: Path) -> None:
        """Write the index; a reader sees the old one or the new one, never half of one.

        Raises:
            IndexUnavailable: the folder cannot be written.
        """
        meta = {
            "format": FORMAT,
            "embedder": self.embedder_id,
            "dimension": self.dimension,
            "next_id": self._next_id,
            "experts": self._hashes,
            "rows": [[i, r.expert, r.capability, r.kind, r.text] for i, r in self._rows.items()],
        }
        vectors = faiss.serialize_index(self._faiss).tobytes()
        meta["sha256"] = _digest(meta, vectors)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / "vectors.faiss", vectors)
            _write(folder / "rows.json", json.dumps(meta).encode())
        except OSError as exc:
            raise IndexUnavailable(
                f"the index cannot be saved in {folder}: {exc.strerror}",
                hint="Set METIER_CACHE_DIR to a folder that can be written",
            ) from exc

    @classmethod
    def load(cls, folder: Path, *, embedder_id: str) -> Self | None:
        """The saved index, or None where there is none that can be trusted.

        Not trusted are another format, another embedder, and rows or vectors whose hash
        differs from the one written beside them.
        """
        try:
            meta = json.loads((folder / "rows.json").read_bytes())
            vectors = (folder / "vectors.faiss").read_bytes()
            fits = (
                meta["format"] == FORMAT
                and meta["embedder"] == embedder_id
                and meta.pop("sha256") == _digest(meta, vectors)
            )
            return cls._from(meta, vectors) if fits else None
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            return None

    @classmethod
    def _from(cls, meta: dict[str, object], vectors: bytes) -> Self | None:
        index = cls(str(meta["embedder"]), int(str(meta["dimension"])))
        stored = faiss.deserialize_index(np.frombuffer(vectors, dtype=np.uint8))
        if not isinstance(stored, faiss.IndexIDMap2):
            return None
        index._faiss = stored
        listed = meta["rows"]
        experts = meta["experts"]
        if not isinstance(listed, list) or not isinstance(experts, dict):
            return None
        for i, expert, capability, kind, text in listed:
            index._rows[i] = Row(
                expert=expert, capability=capability, kind=RowKind(kind), text=text
            )
        index._hashes = dict(experts)
        index._next_id = int(str(meta["next_id"]))
        right = index._faiss.ntotal == len(index) and index._faiss.d == index.dimension
        return index if right else None

    def _make_room(self, more: int) -> None:
        """Go from exact search to HNSW when the index outgrows it."""
        exact = not isinstance(faiss.downcast_index(self._faiss.index), faiss.IndexHNSW)
        if exact and len(self) + more > EXACT_UP_TO:
            self._rebuild_without(set(), size=len(self) + more)

    def _rebuild_without(self, gone: set[int], *, size: int | None = None) -> None:
        kept = np.array([i for i in self._rows if i not in gone], dtype=np.int64)
        vectors = self.vectors(kept) if len(kept) else None
        self._faiss = _empty(self.dimension, size=len(kept) if size is None else size)
        if vectors is not None:
            self._faiss.add_with_ids(vectors, kept)


async def synchronised(
    index: CapabilityIndex | None, cards: Iterable[Card], embedder: Embedder
) -> tuple[CapabilityIndex, bool]:
    """The index for exactly these cards, and whether it differs from the one given.

    Only texts of new and changed cards are embedded, in one batch.
    """
    wanted = {card.id: card for card in cards}
    if index is not None and index.embedder_id != embedder.id:
        index = None
    have = index.experts if index is not None else {}
    stale = [card for card in wanted.values() if have.get(card.id) != hash_of(card)]
    gone = [expert for expert in have if expert not in wanted]
    if index is not None and not stale and not gone:
        return index, False
    texts = [row.text for card in stale for row in rows_of(card)]
    if index is None:
        # The length of a vector is known only from one.
        vectors = await embedder.embed(texts or ["nothing"])
        index = CapabilityIndex(embedder.id, vectors.shape[1])
    else:
        nothing = np.empty((0, index.dimension), np.float32)
        vectors = await embedder.embed(texts) if texts else nothing
        if index.dimension != vectors.shape[1]:
            return await synchronised(None, wanted.values(), embedder)
    for expert in gone:
        index.remove(expert)
    start = 0
    for card in stale:
        count = sum(1 for _ in rows_of(card))
        index.replace(card, vectors[start : start + count])
        start += count
    return index, True


def rows_of(card: Card) -> Iterator[Row]:
    """The texts of a card that get a vector."""
    for capability in card.capabilities:
        texts = [(RowKind.DESCRIPTION, capability.description)]
        texts += [(RowKind.EXAMPLE, text) for text in capability.examples]
        texts += [(RowKind.COUNTEREXAMPLE, text) for text in capability.counterexamples]
        for kind, text in texts:
            yield Row(expert=card.id, capability=capability.name, kind=kind, text=text)


def hash_of(card: Card) -> str:
    """SHA-256 over the card's texts that are embedded."""
    rows = [[row.capability, row.kind, row.text] for row in rows_of(card)]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def index_folder(cache_dir: Path, embedder_id: str) -> Path:
    """Where the index of an embedder is kept."""
    return cache_dir / "index" / re.sub(r"[^A-Za-z0-9.]+", "-", embedder_id)


def _empty(dimension: int, *, size: int) -> faiss.IndexIDMap2:
    if size <= EXACT_UP_TO:
        return faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
    inner = faiss.IndexHNSWFlat(dimension, _HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    inner.hnsw.efConstruction = 80
    inner.hnsw.efSearch = 128
    return faiss.IndexIDMap2(inner)


def _digest(meta: Mapping[str, object], vectors: bytes) -> str:
    return hashlib.sha256(json.dumps(meta).encode() + vectors).hexdigest()


def _write(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
