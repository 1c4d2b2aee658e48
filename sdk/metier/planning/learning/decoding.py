"""The best chain under a distribution over chains."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_CANDIDATES = 10
_BEAM = 12
_UNLIKELY = 1e-3


def best_chain(chains: Sequence[tuple[int, ...]], posterior: Array) -> tuple[int, ...]:
    """Return the chain with the highest expected F1 of its members plus that of adjacent pairs.

    It need not be one of `chains`, but is no longer than the longest probable one. For a given
    length the expectation is a sum over members and pairs, because F1 = 2 |common| / (|this| +
    |that|). So each length is decoded by beam search over the likeliest members.

    Args:
        posterior: the probability of each chain, shape (len(chains),).
    """
    likely = [(chains[n], posterior[n]) for n in np.flatnonzero(posterior >= _UNLIKELY).tolist()]
    # With many chains all may be unlikely.
    likely = likely or list(zip(chains, posterior, strict=True))
    needed: dict[int, float] = {}
    for chain, probability in likely:
        for member in chain:
            needed[member] = needed.get(member, 0.0) + probability
    members = sorted(needed, key=lambda member: (-needed[member], member))[:_CANDIDATES]
    longest = min(len(members), max(len(chain) for chain, _ in likely))
    found = [_best_of_length(length, members, likely) for length in range(1, longest + 1)]
    return max(found)[1]


def _best_of_length(
    length: int, members: Sequence[int], likely: Sequence[tuple[tuple[int, ...], float]]
) -> tuple[float, tuple[int, ...]]:
    """The chain of this length with its expected F1 (members plus pairs)."""
    place = {member: n for n, member in enumerate(members)}
    gain, pair_gain = np.zeros(len(members)), np.zeros((len(members), len(members)))
    for chain, probability in likely:
        for member in chain:
            if member in place:
                gain[place[member]] += 2 * probability / (length + len(chain))
        for a, b in pairwise(chain):
            if a in place and b in place:
                pair_gain[place[a], place[b]] += 2 * probability / (length + len(chain) - 2)
    paths = [(float(gain[n]), (n,)) for n in range(len(members))]
    for _ in range(length - 1):
        longer = [
            (value + gain[n] + pair_gain[path[-1], n], (*path, n))
            for value, path in paths
            for n in range(len(members))
            if n not in path
        ]
        paths = sorted(longer, key=lambda entry: (-entry[0], entry[1]))[:_BEAM]
    value, path = max(paths, key=lambda entry: entry[0])
    return float(value), tuple(members[n] for n in path)
