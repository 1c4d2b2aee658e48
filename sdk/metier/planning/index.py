"""The FAISS index over all capabilities on the experts' cards."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import Any, Self

import numpy as np

from metier.errors import IndexUnavailable
from metier.experts.card import Card
from metier.models.embedder import Embedder, Role, Vectors
from metier.models.nearest import EXACT_UP_TO as EXACT_UP_TO
from metier.models.nearest import Ids, NearestVectors
from metier.models.vector_checks import embedded
from metier.settings.files import (
    locked,
    private_folder,
    remove_leftovers,
    replace_file,
    replacing,
)

# Also raised when `embedding.embedder.normalised` changes: saved vectors are of its texts.
FORMAT = 4


class RowKind(StrEnum):
    """What a vector stands for."""

    NAME = "name"
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

    Vectors have their own ids, so that an expert can be added, replaced or removed without touching
    the others.

    Args:
        embedder_id: the embedder of the vectors; those of different embedders are not compared.
        dimension: length of a vector.
        weights: digest of the embedder's weights; empty if it is not known.
    """

    def __init__(self, embedder_id: str, dimension: int, *, weights: str = "") -> None:
        self.embedder_id = embedder_id
        self.weights = weights
        self._rows: dict[int, Row] = {}
        self._hashes: dict[str, str] = {}
        self._capabilities: dict[tuple[str, str], list[int]] = {}
        self._next_id = 0
        self._vectors = NearestVectors(dimension)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._vectors.dimension

    @property
    def experts(self) -> Mapping[str, str]:
        """The experts in it, each with the hash of its card's texts."""
        return self._hashes

    @property
    def rows(self) -> Mapping[int, Row]:
        """The rows by id."""
        return self._rows

    @property
    def capabilities(self) -> Mapping[tuple[str, str], Sequence[int]]:
        """The ids of the rows of each (expert, capability)."""
        return self._capabilities

    def hash(self) -> str:
        """SHA-256 over embedder and cards; what was learnt on one hash holds only for it."""
        of = f"{self.embedder_id}{self.weights}"
        content = json.dumps([of, sorted(self._hashes.items())])
        return hashlib.sha256(content.encode()).hexdigest()

    def add(self, card: Card, vectors: Vectors) -> None:
        """Add an expert; `vectors` has one row for each of `rows_of(card)`.

        Raises:
            ValueError: the expert is in the index, or the shape does not fit.
        """
        self.add_all([card], vectors)

    def add_all(self, cards: Sequence[Card], vectors: Vectors) -> None:
        """Add many experts at once, which is faster; `vectors` has the rows of each in turn.

        Raises:
            ValueError: an expert is in the index, the shape does not fit, or a number is not
                finite.
        """
        rows = [row for card in cards for row in rows_of(card)]
        hashes: dict[str, str] = {}
        for card in cards:
            if card.id in self._hashes or card.id in hashes:
                raise ValueError(f"expert {card.id!r} is in the index; use replace")
            hashes[card.id] = hash_of(card)
        if vectors.shape != (len(rows), self.dimension):
            raise ValueError(f"{vectors.shape} vectors for {len(rows)} rows of {self.dimension}")
        if not np.isfinite(vectors).all():
            raise ValueError("a vector contains NaN or infinity")
        ids = np.arange(self._next_id, self._next_id + len(rows), dtype=np.int64)
        self._vectors.add(ids, vectors)
        for i, row in zip(ids.tolist(), rows, strict=True):
            self._keep(i, row)
        self._next_id += len(rows)
        self._hashes |= hashes

    def remove(self, expert: str) -> None:
        """Remove an expert, if it is in the index."""
        self.remove_all([expert])

    def remove_all(self, experts: Collection[str]) -> None:
        """Remove many experts at once."""
        gone = {expert for expert in experts if self._hashes.pop(expert, None) is not None}
        if not gone:
            return
        names = [name for name in self._capabilities if name[0] in gone]
        ids = [i for name in names for i in self._capabilities.pop(name)]
        self._vectors.remove(np.array(ids, dtype=np.int64))
        for i in ids:
            del self._rows[i]

    def replace(self, card: Card, vectors: Vectors) -> None:
        """Replace the expert with the same id."""
        self.remove(card.id)
        self.add(card, vectors)

    def search(self, queries: Vectors, k: int) -> list[list[Hit]]:
        """Return the up to `k` nearest rows of each query, best first."""
        ids, similarities = self.nearest(queries, k)
        return [
            [
                Hit(row=self._rows[i], similarity=float(similarity))
                for i, similarity in zip(row_ids.tolist(), row_similarities, strict=True)
                if i >= 0
            ]
            for row_ids, row_similarities in zip(ids, similarities, strict=True)
        ]

    def nearest(self, queries: Vectors, k: int) -> tuple[Ids, Vectors]:
        """Return ids and similarities, both of shape (len(queries), min(k, len(self))).

        A large index may find fewer; the rest have the id -1.
        """
        return self._vectors.nearest(queries, k)

    def vectors(self, ids: Ids) -> Vectors:
        """Return the vectors with these ids, shape (len(ids), dimension)."""
        return self._vectors.vectors(ids)

    def save(self, folder: Path) -> None:
        """Write the index; a reader sees the old one or the new one, never a partial one.

        Raises:
            IndexUnavailable: the folder cannot be written.
        """
        meta = {
            "format": FORMAT,
            "embedder": self.embedder_id,
            "weights": self.weights,
            "dimension": self.dimension,
            "next_id": self._next_id,
            "experts": self._hashes,
            "rows": [[i, r.expert, r.capability, r.kind, r.text] for i, r in self._rows.items()],
        }
        try:
            private_folder(folder)
            with locked(folder / ".lock"):
                remove_leftovers(folder)
                with replacing(folder / "vectors.faiss") as file:
                    self._vectors.write(file)
                    meta["sha256"] = _digest(meta, file)
                replace_file(folder / "rows.json", json.dumps(meta).encode())
        except OSError as exc:
            raise IndexUnavailable(
                f"the index cannot be saved in {folder}: {exc.strerror}",
                hint="Set METIER_CACHE_DIR to a folder that can be written",
            ) from exc

    @classmethod
    def load(cls, folder: Path, *, embedder_id: str, weights: str = "") -> Self | None:
        """The saved index, or None where there is none that can be trusted.

        Not trusted are another format, another embedder or other weights of it, rows or vectors
        whose hash differs from the one written beside them, and vectors that are not of length 1.
        """
        try:
            meta = json.loads((folder / "rows.json").read_bytes())
            with (folder / "vectors.faiss").open("rb") as file:
                fits = (
                    meta["format"] == FORMAT
                    and meta["embedder"] == embedder_id
                    and weights in ("", meta["weights"])
                    and meta.pop("sha256") == _digest(meta, file)
                )
                vectors = NearestVectors.read(file) if fits else None
            return cls._from(meta, vectors) if vectors is not None else None
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            return None

    @classmethod
    def _from(cls, meta: Mapping[str, Any], vectors: NearestVectors) -> Self | None:
        index = cls(meta["embedder"], meta["dimension"], weights=meta["weights"])
        if (len(vectors), vectors.dimension) != (len(meta["rows"]), index.dimension):
            return None
        index._vectors = vectors
        for i, expert, capability, kind, text in meta["rows"]:
            # Interned, because JSON repeats the names in every row.
            names = {"expert": sys.intern(expert), "capability": sys.intern(capability)}
            index._keep(i, Row(**names, kind=RowKind(kind), text=text))
        index._hashes = dict(meta["experts"])
        index._next_id = meta["next_id"]
        return index

    def _keep(self, i: int, row: Row) -> None:
        self._rows[i] = row
        self._capabilities.setdefault((row.expert, row.capability), []).append(i)


async def synchronised(
    index: CapabilityIndex | None, cards: Iterable[Card], embedder: Embedder, *, weights: str = ""
) -> tuple[CapabilityIndex, bool]:
    """Return the index for exactly these cards, and whether it differs from the given one.

    Only texts of new and changed cards are embedded, those of a role in one batch.

    Args:
        weights: digest of the embedder's, for an index that is made anew.
    """
    wanted = {card.id: card for card in cards}
    if index is not None and index.embedder_id != embedder.id:
        index = None
    have = index.experts if index is not None else {}
    stale = [card for card in wanted.values() if have.get(card.id) != hash_of(card)]
    gone = [expert for expert in have if expert not in wanted]
    if index is not None and not stale and not gone:
        return index, False
    rows = [row for card in stale for row in rows_of(card)]
    if index is None:
        # The dimension is known only from a vector.
        vectors = await _embedded(rows, embedder) if rows else await embedded(embedder, ["nothing"])
        index = CapabilityIndex(embedder.id, vectors.shape[1], weights=weights)
    else:
        nothing = np.empty((0, index.dimension), np.float32)
        vectors = await _embedded(rows, embedder) if rows else nothing
        if index.dimension != vectors.shape[1]:
            return await synchronised(None, wanted.values(), embedder, weights=weights)
    index.remove_all([*gone, *(card.id for card in stale)])
    index.add_all(stale, vectors[: len(rows)])
    return index, True


async def _embedded(rows: Sequence[Row], embedder: Embedder) -> Vectors:
    """Embed names and descriptions as documents, and examples as queries, which they are."""
    stated = [row.kind in {RowKind.NAME, RowKind.DESCRIPTION} for row in rows]
    parts: list[Vectors] = []
    places: list[int] = []
    roles: tuple[tuple[Role, bool], ...] = (("document", True), ("query", False))
    for role, wanted in roles:
        mine = [n for n, is_stated in enumerate(stated) if is_stated == wanted]
        if mine:
            texts = [rows[n].text for n in mine]
            dimension = parts[0].shape[1] if parts else None
            parts.append(await embedded(embedder, texts, role=role, dimension=dimension))
            places += mine
    return np.concatenate(parts)[np.argsort(places)]


def rows_of(card: Card) -> Iterator[Row]:
    """Yield the texts of a card that get a vector."""
    for capability in card.capabilities:
        texts = [(RowKind.NAME, capability.name.replace("_", " "))]
        texts += [(RowKind.DESCRIPTION, capability.description)]
        texts += [(RowKind.EXAMPLE, text) for text in capability.examples]
        texts += [(RowKind.COUNTEREXAMPLE, text) for text in capability.counterexamples]
        for kind, text in texts:
            yield Row(expert=card.id, capability=capability.name, kind=kind, text=text)


def hash_of(card: Card) -> str:
    """Hash the card's embedded texts (SHA-256)."""
    rows = [[row.capability, row.kind, row.text] for row in rows_of(card)]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def index_folder(cache_dir: Path, embedder_id: str) -> Path:
    """Return the folder of an embedder's index."""
    return cache_dir / "index" / re.sub(r"[^A-Za-z0-9.]+", "-", embedder_id)


def _digest(meta: Mapping[str, object], vectors: BufferedRandom | BufferedReader) -> str:
    """SHA-256 of both; the file is read from its start, and rewound."""
    vectors.seek(0)
    digest = hashlib.sha256(json.dumps(meta).encode())
    digest.update(hashlib.file_digest(vectors, "sha256").digest())
    vectors.seek(0)
    return digest.hexdigest()
