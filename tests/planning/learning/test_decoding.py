"""The best chain, compared with trying all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.planning.learning.decoding import best_chain

Chain = tuple[int, ...]


def f1(one: Sequence[object], other: Sequence[object]) -> float:
    both = len(one) + len(other)
    return 2 * len(set(one) & set(other)) / both if both else 0.0


def expected(chain: Chain, chains: Sequence[Chain], posterior: Sequence[float]) -> float:
    """F1 of the members plus that of the neighbour pairs."""
    return sum(
        chance * (f1(chain, other) + f1([*pairwise(chain)], [*pairwise(other)]))
        for other, chance in zip(chains, posterior, strict=True)
    )


# With three members the beam holds every chain.
@given(
    st.lists(
        st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True).map(tuple),
        min_size=1,
        max_size=5,
        unique=True,
    ),
    st.lists(st.integers(1, 20), min_size=5, max_size=5),
)
def test_no_other_chain_is_expected_to_be_better(chains: list[Chain], weights: list[int]) -> None:
    mine = weights[: len(chains)]
    posterior = [weight / sum(mine) for weight in mine]
    members = sorted(set().union(*chains))
    longest = max(map(len, chains))
    every = [p for n in range(1, longest + 1) for p in permutations(members, n)]
    best = max(expected(chain, chains, posterior) for chain in every)
    found = best_chain(chains, np.array(posterior))
    assert expected(found, chains, posterior) == pytest.approx(best)


def test_an_unlikely_chain_changes_nothing() -> None:
    chains = [(0, 1), (2, 3, 4, 5)]
    assert best_chain(chains, np.array([0.9995, 0.0005])) == (0, 1)


def test_of_many_chains_that_are_all_unlikely_one_is_taken() -> None:
    chains = [(n % 40, 40 + n // 40) for n in range(2000)]
    assert best_chain(chains, np.full(2000, 1 / 2000))
