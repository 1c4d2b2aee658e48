"""What follows what, and what uses what."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from past_plans import KEYS, past_plans

from metier.planning.learning.graph import CapabilityGraph
from metier.planning.learning.past import PastPlan, PastStep

A, B, C = KEYS[:3]
edges = st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS)), max_size=5)


def plan(*steps: tuple[tuple[str, str], tuple[int, ...]]) -> PastPlan:
    made = [PastStep(expert=e, capability=c, needs=needs) for (e, c), needs in steps]
    return PastPlan(request="r", steps=tuple(made))


@given(past_plans(), edges)
def test_the_probabilities_of_what_comes_next_sum_to_one(
    plans: list[PastPlan], declared: list[tuple[tuple[str, str], tuple[str, str]]]
) -> None:
    transitions = CapabilityGraph.learn(KEYS, plans, declared=declared).transitions
    assert (transitions > 0).all()
    np.testing.assert_allclose(transitions.sum(axis=1), 1)


@given(past_plans(), edges, st.randoms())
def test_the_order_of_past_plans_does_not_matter(
    plans: list[PastPlan],
    declared: list[tuple[tuple[str, str], tuple[str, str]]],
    random: Random,
) -> None:
    one = CapabilityGraph.learn(KEYS, plans, declared=declared)
    random.shuffle(plans)
    other = CapabilityGraph.learn(KEYS, plans, declared=declared)
    assert one.as_json() == other.as_json()


@given(past_plans(), edges)
def test_a_graph_survives_json(
    plans: list[PastPlan], declared: list[tuple[tuple[str, str], tuple[str, str]]]
) -> None:
    graph = CapabilityGraph.learn(KEYS, plans, declared=declared)
    again = CapabilityGraph.from_json(json.loads(json.dumps(graph.as_json())))
    assert again.keys == graph.keys
    assert again.as_json() == graph.as_json()
    np.testing.assert_array_equal(again.transitions, graph.transitions)


def test_json_has_a_row_for_each_pair_that_was_seen_or_declared() -> None:
    seen = plan((A, ()), (B, (0,)), (C, (0,)))
    graph = CapabilityGraph.learn([A, B, C], [seen], declared=[(A, B), (C, A)])
    # Earlier, later, followed, paired beside and apart, linked beside and apart, declared.
    assert graph.as_json() == {
        "keys": [list(A), list(B), list(C)],
        "edges": [
            [0, 1, 1, 1, 0, 1, 0, 1],
            [0, 2, 0, 0, 1, 0, 1, 0],
            [1, 2, 1, 1, 0, 0, 0, 0],
            [2, 0, 0, 0, 0, 0, 0, 1],
        ],
    }


@given(past_plans(), st.lists(st.sampled_from(KEYS), max_size=6, unique=True))
def test_links_go_forwards_and_are_probable(
    plans: list[PastPlan], chain: list[tuple[str, str]]
) -> None:
    for earlier, later, probability in CapabilityGraph.learn(KEYS, plans).links(chain):
        assert 0 <= earlier < later < len(chain)
        assert 0.5 <= probability <= 1


def test_what_followed_often_is_likelier_than_what_is_only_declared() -> None:
    graph = CapabilityGraph.learn(KEYS, [plan((A, ()), (B, (0,)))] * 9, declared=[(A, C)])
    after = dict(zip(graph.keys, graph.transitions[graph.keys.index(A)].tolist(), strict=True))
    assert after[B] > after[C] > after[KEYS[3]]


def test_a_link_is_as_probable_as_it_was() -> None:
    linked, loose = plan((A, ()), (B, (0,))), plan((A, ()), (B, ()))
    graph = CapabilityGraph.learn(KEYS, [linked] * 3 + [loose])
    assert graph.link_probability(A, B, beside=True) == pytest.approx(0.75)
    assert graph.link_probability(B, A, beside=True) is None
    assert graph.link_probability(A, B, beside=False) is None
    assert graph.link_probability(A, ("none", "none"), beside=True) is None


def test_neighbours_are_told_from_those_that_others_lie_between() -> None:
    graph = CapabilityGraph.learn(KEYS, [plan((A, ()), (B, (0,)), (C, (1,)))] * 4)
    assert [link[:2] for link in graph.links((A, B, C))] == [(0, 1), (1, 2)]
    assert [link[:2] for link in graph.links((A, C))] == [(0, 1)]


def test_without_past_plans_each_uses_the_one_before_it() -> None:
    assert CapabilityGraph.learn(KEYS).links((A, B, C)) == ((0, 1, 1.0), (1, 2, 1.0))


def test_what_a_card_declares_is_no_link_by_itself() -> None:
    graph = CapabilityGraph.learn(KEYS, declared=[(A, B), (B, ("none", "none"))])
    assert graph.declares(A, B)
    assert not graph.declares(B, A)
    assert not graph.declares(B, ("none", "none"))
    assert graph.link_probability(A, B, beside=True) is None


def test_what_comes_next_is_smoothed_towards_what_is_frequent_and_what_is_declared() -> None:
    graph = CapabilityGraph.learn([A, B, C], [plan((A, ()), (B, (0,)))] * 2, declared=[(A, C)])
    # B is three fifths of what comes next anywhere; half of A's five is for itself and for C.
    assert graph.transitions == pytest.approx(
        np.array([[0.25, 0.5, 0.25], [0.2, 0.6, 0.2], [0.2, 0.6, 0.2]])
    )


@pytest.mark.parametrize(
    ("pair", "beside", "probability"),
    [
        ((A, B), True, (3 + 3 / 8) / 4),  # of eight neighbours three are linked
        ((C, KEYS[3]), True, (0 + 3 / 8) / 4),
        ((A, C), False, (1 + 0.5) / 2),  # of two that are apart one is linked
        ((B, KEYS[3]), False, (0 + 0.5) / 2),
    ],
)
def test_a_link_is_shrunk_towards_what_is_usual(
    pair: tuple[tuple[str, str], tuple[str, str]], beside: bool, probability: float
) -> None:
    plans = [
        *[plan((A, ()), (B, (0,)))] * 2,
        *[plan((C, ()), (KEYS[3], ()))] * 2,
        plan((A, ()), (B, (0,)), (C, (0,))),
        plan((B, ()), (C, ()), (KEYS[3], ())),
    ]
    graph = CapabilityGraph.learn(KEYS, plans)
    assert graph.link_probability(*pair, beside=beside) == pytest.approx(probability)
