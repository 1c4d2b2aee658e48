"""The arithmetic of votes, gates and stopping."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.strategies.ballots.counting import (
    gate,
    is_settled,
    known_skills,
    lead_is_real,
    log_odds,
    pooled,
    softmax,
    tally,
)

GROUPS = st.lists(st.none() | st.integers(0, 4), min_size=1, max_size=12)
SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


@given(GROUPS, st.randoms(use_true_random=False))
def test_the_order_of_votes_changes_no_weight(
    groups: list[int | None], draw: random.Random
) -> None:
    weighted = [(group, draw.random()) for group in groups]
    shuffled = draw.sample(weighted, len(weighted))
    assert dict(tally(*zip(*weighted, strict=True))) == dict(tally(*zip(*shuffled, strict=True)))


@given(st.integers(1, 9), st.lists(st.floats(0, 5), min_size=1, max_size=9))
def test_a_unanimous_vote_wins(group: int, weights: list[float]) -> None:
    assert list(tally([group] * len(weights), weights)) == [group]


@given(GROUPS, st.integers(0, 4))
def test_weights_of_zero_drop_out(groups: list[int | None], extra: int) -> None:
    ones = [1.0] * len(groups)
    before = tally(groups, ones)
    after = tally([*groups, extra], [*ones, 0.0])
    assert {group: weight for group, weight in after.items() if weight} == before


def test_the_heaviest_comes_first_and_the_first_of_equals() -> None:
    assert list(tally([2, 1, 1, None, 3], [1, 1, 1, 9, 1])) == [1, 2, 3]


@pytest.mark.parametrize("weight", [-0.1, float("nan")])
def test_a_weight_is_a_number_that_is_not_negative(weight: float) -> None:
    with pytest.raises(ValueError, match="not negative"):
        tally([1], [weight])


def test_the_lead_of_adaptive_consistency() -> None:
    # Those of the paper's rule, worked out by its integral.
    known = {(2, 0): 0.875, (3, 0): 0.9375, (4, 0): 0.96875, (5, 1): 0.9375, (6, 1): 0.96484375}
    assert {votes: lead_is_real(*votes) for votes in known} == known


@given(st.integers(0, 30), st.integers(0, 30))
def test_a_lead_and_its_opposite_share_all_the_probability(first: int, second: int) -> None:
    assert lead_is_real(first, second) + lead_is_real(second, first) == pytest.approx(1)


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=20),
    st.integers(0, 20),
    st.sampled_from([0.8, 0.9, 0.95]),
)
def test_a_vote_that_cannot_change_any_more_is_settled(
    groups: list[int | None], at: int, sure: float
) -> None:
    """Stopping early gives the full vote's answer, unless only the probability said so."""
    seen, left = groups[: at + 1], groups[at + 1 :]
    counts = [*tally(seen, [1.0] * len(seen)).values(), 0, 0]
    first, second = int(counts[0]), int(counts[1])
    if not is_settled(seen, len(left), sure=sure):
        assert first <= second + len(left)
        assert lead_is_real(first, second) < sure
    elif first > second + len(left):
        full = tally(groups, [1.0] * len(groups))
        assert next(iter(full)) == next(iter(tally(seen, [1.0] * len(seen))))


def test_early_stopping_changes_the_answer_as_rarely_as_its_bound_says() -> None:
    draw = random.Random(7)
    changed = stopped = 0
    for _ in range(3000):
        right = draw.uniform(0.2, 0.9)
        votes: list[int | None] = [0 if draw.random() < right else 1 for _ in range(40)]
        for n in range(1, 40):
            if is_settled(votes[:n], 40 - n):
                stopped += 1
                early = next(iter(tally(votes[:n], [1.0] * n)))
                changed += early != next(iter(tally(votes, [1.0] * 40)))
                break
    assert stopped > 2500
    assert changed / stopped < 0.05


@given(SCORES, st.integers(1, 4), st.floats(0.05, 5), st.floats(0, 0.3))
def test_a_gate_sums_to_one_and_lets_few_through(
    scores: list[float], top: int, temperature: float, least: float
) -> None:
    shares = gate(scores, top=top, temperature=temperature, least=least)
    assert sum(shares) == pytest.approx(1)
    assert 1 <= sum(share > 0 for share in shares) <= top
    assert all(share >= least or share == 0 for share in shares)
    assert shares[scores.index(max(scores))] == max(shares)


def test_a_gate_shares_by_scores_at_temperature_one() -> None:
    assert gate([0.6, 0.1, 0.2], top=2) == pytest.approx([0.75, 0.0, 0.25])
    assert gate([0.6, 0.1, 0.2]) == gate([0.6, 0.1, 0.2], top=2, temperature=1, least=0)
    assert gate([0.6, 0.0, 0.0]) == [1, 0, 0]
    assert gate([0.6, 0.2], least=0.25) == pytest.approx([0.75, 0.25])
    assert gate([0.6, 0.2], least=0.26) == [1, 0]


def test_a_gate_that_lets_nobody_through_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        gate([0.5], top=0)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=6), st.floats(0.1, 10))
def test_softmax_sums_to_one_and_keeps_the_order(scores: list[float], heat: float) -> None:
    shares = softmax(scores, temperature=heat)
    assert sum(shares) == pytest.approx(1)
    assert shares.index(max(shares)) in [
        n for n, score in enumerate(scores) if score == pytest.approx(max(scores), abs=1e-9)
    ]


def test_the_shares_of_a_softmax_are_as_its_temperature_says() -> None:
    assert softmax([0, math.log(3)]) == pytest.approx([0.25, 0.75])
    assert softmax([0, math.log(9)], temperature=2) == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize(("scores", "temperature"), [([], 1.0), ([1.0], 0.0), ([1.0], -1.0)])
def test_a_softmax_of_nothing_or_at_no_temperature_is_an_error(
    scores: list[float], temperature: float
) -> None:
    with pytest.raises(ValueError, match="temperature"):
        softmax(scores, temperature=temperature)


def test_the_weight_of_a_voter_is_its_log_odds() -> None:
    assert log_odds(0.75) == pytest.approx(math.log(3))
    assert log_odds(0.75, choices=4) == pytest.approx(math.log(9))
    assert log_odds(0.75, choices=1) == log_odds(0.75)


def test_a_skill_that_is_not_known_is_the_mean_of_the_others() -> None:
    assert known_skills([None, 0.2, 0.6]) == pytest.approx([0.4, 0.2, 0.6])
    assert known_skills([None, None]) == [1.0, 1.0]


def test_a_voter_at_chance_or_worse_weighs_nothing() -> None:
    assert log_odds(0.5) == 0
    assert log_odds(0.1) == 0
    assert log_odds(0.25, choices=4) == pytest.approx(0)
    assert log_odds(0.4, choices=4) > 0


def test_certainty_weighs_no_more_than_a_few_questions_can_show() -> None:
    assert log_odds(1.0) == log_odds(0.98)


def test_opinions_are_averaged_by_weight() -> None:
    mean = pooled([{"A": 0.9, "B": 0.1}, {"A": 0.2, "B": 0.8}], [1, 3])
    assert mean == pytest.approx({"A": 0.375, "B": 0.625})


@pytest.mark.parametrize(("given", "weights"), [([], []), ([{"A": 1.0}], [0.0])])
def test_a_mean_of_nothing_is_an_error(given: list[dict[str, float]], weights: list[float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        pooled(given, weights)
