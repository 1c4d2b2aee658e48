"""Vectors by id, searched by inner product: all of them while they are few, else the near lists."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Self

import faiss
import numpy as np
import numpy.typing as npt

from metier.models.embedder import Vectors
from metier.models.vector_checks import are_sound

Ids = npt.NDArray[np.int64]

# For what the library has and its stubs do not list.
_unlisted: Any = faiss

# An exact search of so many takes under a millisecond.
EXACT_UP_TO = 20_000
# Lists for n vectors: this times the square root of n, which balances finding and reading them.
_LISTS = 2.0
# So many lists are read; docs/results/planner-scale.md has what others would find.
_READ_LISTS = 64
# Learnt again when there are this many times more vectors, or fewer.
_OUTGROWN = 4
_LEARNT_FROM = 64
_ROUNDS = 10
_ROWS_FOR_THREADS = 10_000
_ROWS_A_QUERY = 1_000
# How many are checked at once when a file is read.
_CHECKED = 10_000


class NearestVectors:
    """Unit vectors with ids of their own.

    Up to `EXACT_UP_TO` they are compared one by one. More of them are put into lists around
    centres that k-means learns, as 16-bit floats, and only the lists nearest to a query are read
    (inverted file; Sivic and Zisserman 2003, "Video Google", section 4). A vector is forgotten
    without touching the others either way, and the same calls give the same result.

    Args:
        dimension: length of a vector.
    """

    def __init__(self, dimension: int) -> None:
        self._faiss: faiss.IndexIDMap2 | faiss.IndexIVF = _exact(dimension)

    def __len__(self) -> int:
        return self._faiss.ntotal

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._faiss.d

    @property
    def ids(self) -> Ids:
        """Their ids, in an order that depends only on what was added and removed."""
        held = self._faiss
        if not isinstance(held, faiss.IndexIVF):
            return faiss.vector_to_array(held.id_map)
        lists: Any = held.invlists
        parts = [
            faiss.rev_swig_ptr(lists.get_ids(n), size).copy()
            for n in range(held.nlist)
            if (size := lists.list_size(n))
        ]
        return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)

    @property
    def exact(self) -> bool:
        """Whether every vector is compared."""
        return not isinstance(self._faiss, faiss.IndexIVF)

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add vectors, shape (len(ids), dimension), under ids that are not there yet."""
        if not len(ids):
            return
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        held = self._faiss
        room = EXACT_UP_TO
        if isinstance(held, faiss.IndexIVF):
            room = _OUTGROWN * _made_for(held)
        if len(self) + len(ids) > room:
            self._relearn(vectors)
        with _threads_for(len(ids)):
            self._faiss.add_with_ids(vectors, ids)

    def remove(self, ids: Ids) -> None:
        """Forget the vectors with these ids, all of which must be there."""
        if not len(ids):
            return
        lists = self._faiss
        if not isinstance(lists, faiss.IndexIVF):
            lists.remove_ids(faiss.IDSelectorBatch(ids))
            return
        lists.remove_ids(faiss.IDSelectorArray(ids))
        # Half of what makes them many: an index at the border does not go back and forth.
        if len(self) <= EXACT_UP_TO // 2:
            kept = self.ids
            self._faiss = _exact(self.dimension)
            if len(kept):
                self._faiss.add_with_ids(lists.reconstruct_batch(kept), kept)
        elif len(self) * _OUTGROWN < _made_for(lists):
            self._relearn(np.empty((0, self.dimension), np.float32))

    def nearest(self, queries: Vectors, k: int) -> tuple[Ids, Vectors]:
        """Ids and similarities, best first, both of shape (len(queries), min(k, len(self))).

        Where fewer are found, the rest have the id -1.
        """
        k = min(k, len(self))
        if k == 0:
            empty = np.empty((len(queries), 0))
            return empty.astype(np.int64), empty.astype(np.float32)
        with _threads_for(len(queries) * _ROWS_A_QUERY):
            similarities, ids = self._faiss.search(np.ascontiguousarray(queries, np.float32), k)
        return ids, similarities

    def vectors(self, ids: Ids) -> Vectors:
        """The vectors with these ids, shape (len(ids), dimension)."""
        if not len(ids):
            return np.empty((0, self.dimension), np.float32)
        with _threads_for(len(ids)):
            return self._faiss.reconstruct_batch(ids)

    def write(self, file: BinaryIO) -> None:
        """Write all of them."""
        faiss.write_index(self._faiss, _unlisted.PyCallbackIOWriter(file.write))

    @classmethod
    def read(cls, file: BinaryIO) -> Self | None:
        """Read what `write` wrote; None if it is something else, or not all are unit vectors.

        Raises:
            RuntimeError: it is damaged.
        """
        stored = faiss.read_index(_unlisted.PyCallbackIOReader(file.read))
        if not isinstance(stored, faiss.IndexIDMap2 | faiss.IndexIVF):
            return None
        found = cls(stored.d)
        found._faiss = stored
        return found if found._are_sound() else None

    def _are_sound(self) -> bool:
        held = self.ids
        parts = (held[start : start + _CHECKED] for start in range(0, len(held), _CHECKED))
        return all(are_sound(self.vectors(part)) for part in parts)

    def _relearn(self, more: Vectors) -> None:
        """Put what is there into new lists, whose centres are learnt from it and from `more`."""
        kept = self.ids
        vectors = self.vectors(kept)
        made = _inverted(np.concatenate([vectors, more]) if len(kept) else more)
        if len(kept):
            made.add_with_ids(vectors, kept)
        self._faiss = made


@contextmanager
def _threads_for(rows: int) -> Iterator[None]:
    """One thread for what touches few rows.

    Others are woken for longer than they would help; on busy processors a search of two
    milliseconds waits fifty for them. The number belongs to the thread that calls this (OpenMP
    5.2, section 2.4: `nthreads-var`), so that searches in other threads do not see it change.
    """
    before = _unlisted.omp_get_max_threads()
    _unlisted.omp_set_num_threads(1 if rows < _ROWS_FOR_THREADS else before)
    try:
        yield
    finally:
        _unlisted.omp_set_num_threads(before)


def _made_for(lists: faiss.IndexIVF) -> int:
    """How many vectors there were when its centres were learnt."""
    return round((lists.nlist / _LISTS) ** 2)


def _exact(dimension: int) -> faiss.IndexIDMap2:
    return faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))


def _inverted(vectors: Vectors) -> faiss.IndexIVF:
    """Empty lists, with centres learnt from a sample of these vectors."""
    count, dimension = vectors.shape
    centres = faiss.IndexFlatIP(dimension)
    lists = max(1, round(_LISTS * math.sqrt(count)))
    made = faiss.IndexIVFScalarQuantizer(
        centres,
        dimension,
        lists,
        faiss.ScalarQuantizer.QT_fp16,
        faiss.METRIC_INNER_PRODUCT,
        False,  # the vectors themselves, not what is left of them beside their centre
    )
    made.cp.niter = _ROUNDS
    made.cp.max_points_per_centroid = _LEARNT_FROM
    made.cp.min_points_per_centroid = 1
    made.train(vectors)
    made.nprobe = _READ_LISTS
    made.set_direct_map_type(_unlisted.DirectMap.Hashtable)
    return made
