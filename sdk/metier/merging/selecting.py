"""Magnitudes of given ranks in a tensor that is never in memory as a whole.

The bits of float32 magnitudes sort like the magnitudes. So two counts find the k-th largest: one
of the upper 16 bits, and one of the lower 16 bits of the numbers that share the upper ones (a radix
selection; exact). Each count has 65,536 slots, whatever the size of the tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from metier.merging.cores import Total
from metier.merging.encoding import Floats
from metier.merging.weights import Span

Counts = npt.NDArray[np.int64]
Deltas = Callable[[Span], Floats]

_SLOTS = 1 << 16


def magnitudes(deltas: Deltas, total: Total, ranks: Sequence[int]) -> list[np.float32]:
    """Return the magnitudes with these ranks; rank 1 is the largest."""
    counts = total(lambda span: _upper(deltas(span)))
    slots = [_slot_of(counts, rank) for rank in ranks]

    def lower(span: Span) -> Counts:
        bits = _bits(deltas(span))
        found = (bits[bits >> 16 == upper] & 0xFFFF for upper, _ in slots)
        return np.stack([np.bincount(each, minlength=_SLOTS) for each in found])

    places = zip(slots, total(lower), strict=True)
    bits = [upper << 16 | _slot_of(counts, rank)[0] for (upper, rank), counts in places]
    return [np.uint32(each).view(np.float32) for each in bits]


def _upper(deltas: Floats) -> Counts:
    return np.bincount(_bits(deltas) >> 16, minlength=_SLOTS)


def _bits(deltas: Floats) -> npt.NDArray[np.uint32]:
    return np.abs(deltas).view(np.uint32)


def _slot_of(counts: Counts, rank: int) -> tuple[int, int]:
    """The slot that holds the rank-th largest, and its rank within the slot."""
    above = np.cumsum(counts[::-1])
    place = int(np.searchsorted(above, rank))
    before = int(above[place - 1]) if place else 0
    return len(counts) - 1 - place, rank - before
