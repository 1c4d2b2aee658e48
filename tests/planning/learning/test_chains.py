"""What a request needs, learnt from past plans."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from past_plans import KEYS, past_plans, requests_of, vectors

from metier.planning.learning.chains import PlanPredictor
from metier.planning.learning.decoding import best_chain
from metier.planning.learning.past import PastPlan, PastStep

A, B, C = KEYS[:3]
DESCRIPTIONS = vectors([name for _, name in KEYS])
SEEN = vectors(["request 0"])[0]
NEW = vectors(["never asked"])[0]


def learnt(
    plans: Sequence[PastPlan], declared: Sequence[tuple[tuple[str, str], tuple[str, str]]] = ()
) -> PlanPredictor:
    return PlanPredictor.fit(
        plans,
        requests_of(plans),
        keys=KEYS,
        descriptions=DESCRIPTIONS,
        declared=declared,
    )


def plan(request: str, *keys: tuple[str, str]) -> PastPlan:
    steps = [
        PastStep(expert=e, capability=c, task=f"{request}: {c}", needs=(n - 1,) if n else ())
        for n, (e, c) in enumerate(keys)
    ]
    return PastPlan(request=request, steps=tuple(steps))


PLANS = [plan("find and book", A, B), plan("book and pay", B, C), plan("find and pay", A, C)] * 3


@given(past_plans())
def test_a_prediction_is_a_dag_over_distinct_capabilities(plans: list[PastPlan]) -> None:
    model = learnt(plans)
    for request in (SEEN, NEW):
        chain = model.predict(request)
        assert chain.capabilities
        assert len(set(chain.capabilities)) == len(chain.capabilities)
        assert set(chain.capabilities) <= set(KEYS)
        assert all(0 <= i < j < len(chain.capabilities) for i, j, _ in chain.links)
        assert all(0 <= p <= 1 for p in chain.probabilities)


@given(past_plans())
def test_the_probabilities_of_known_chains_sum_to_one(plans: list[PastPlan]) -> None:
    model = learnt(plans)
    posterior = model.posterior(NEW)
    assert len(posterior) == len(model.known_chains)
    assert (posterior >= 0).all()
    assert posterior.sum() == pytest.approx(1)


@given(past_plans(least=1), st.randoms())
def test_the_order_of_past_plans_does_not_matter(plans: list[PastPlan], random: Random) -> None:
    shuffled = list(plans)
    random.shuffle(shuffled)
    one, other = learnt(plans), learnt(shuffled)
    assert one.chains == other.chains
    np.testing.assert_array_equal(one.posterior(NEW), other.posterior(NEW))


@given(past_plans())
def test_what_was_learnt_survives_saving(plans: list[PastPlan]) -> None:
    model = learnt(plans, declared=[(A, B)])
    again = PlanPredictor.unpacked(model.packed())
    assert again.predict(NEW) == model.predict(NEW)


@pytest.mark.parametrize("number", range(3))
def test_a_request_asked_before_gets_its_plan(number: int) -> None:
    chain = learnt(PLANS).predict(requests_of(PLANS)[number])
    assert chain.capabilities == PLANS[number].chain
    assert [link[:2] for link in chain.links] == [(0, 1)]
    assert chain.support == pytest.approx(1, abs=1e-5)


def test_a_capability_without_past_plans_is_found_by_its_description() -> None:
    model, new = learnt(PLANS), KEYS.index(KEYS[5])
    assert model.predict(DESCRIPTIONS[new]).capabilities == (KEYS[new],)


def test_without_past_plans_declared_pairs_are_chains() -> None:
    model = learnt([], declared=[(A, B), (B, C)])
    request = (DESCRIPTIONS[1] + DESCRIPTIONS[2]) / 2
    chain = model.predict(request)
    assert chain.capabilities == (B, C)
    assert chain.support == 0


def test_without_anything_the_nearest_description_is_taken() -> None:
    assert learnt([]).predict(DESCRIPTIONS[2]).capabilities == (C,)


def test_vectors_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one vector for each"):
        PlanPredictor.fit(PLANS, requests_of(PLANS[:1]), keys=KEYS, descriptions=DESCRIPTIONS)


def test_a_model_of_nothing_is_refused() -> None:
    none = DESCRIPTIONS[:0]
    with pytest.raises(ValueError, match="no capability"):
        PlanPredictor.fit([], none, keys=(), descriptions=none)


def test_a_past_plan_of_capabilities_that_are_gone_teaches_nothing() -> None:
    model = learnt([plan("find", ("gone", "gone"))])
    assert model.chains == ()
    assert model.predict(DESCRIPTIONS[2]).capabilities == (C,)


def test_a_chain_may_be_one_that_was_never_seen() -> None:
    chains = [(0, 1), (1, 2), (0, 2), (3, 4, 5)]
    assert best_chain(chains, np.array([0.34, 0.34, 0.3, 0.02])) == (0, 1, 2)


@given(st.lists(st.permutations(range(4)).map(lambda p: tuple(p[:3])), min_size=1, unique=True))
def test_a_certain_chain_is_the_best(chains: list[tuple[int, ...]]) -> None:
    posterior = np.zeros(len(chains))
    posterior[0] = 1.0
    assert best_chain(chains, posterior) == chains[0]
