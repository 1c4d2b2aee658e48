import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.strategies.ballots.voting import VoteAggregator

Array = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]

OPTIONS = 5


def election(
    skills: list[float], count: int, *, seed: int = 0, copies: int = 0
) -> tuple[Groups, Array, Groups, Groups]:
    """Independent voters, whose mistakes are any wrong option; then copies of the first."""
    draw = np.random.default_rng(seed)
    right = draw.integers(0, OPTIONS, count)
    known = np.tile(skills, (count, 1))
    wrong = (right[:, None] + draw.integers(1, OPTIONS, known.shape)) % OPTIONS
    votes = np.where(draw.random(known.shape) < known, right[:, None], wrong)
    votes = np.concatenate([votes, np.repeat(votes[:, :1], copies, axis=1)], axis=1)
    known = np.concatenate([known, np.repeat(known[:, :1], copies, axis=1)], axis=1)
    return votes, known, right, np.full(count, OPTIONS)


def fitted(skills: list[float], count: int = 400, *, copies: int = 0) -> VoteAggregator:
    votes, known, right, options = election(skills, count, copies=copies)
    return learnt(votes, known, right=right, options=options)


def learnt(
    votes: npt.ArrayLike, known: npt.ArrayLike, *, right: npt.ArrayLike, options: npt.ArrayLike
) -> VoteAggregator:
    names = [f"voter {n}" for n in range(np.asarray(known).shape[-1])]
    return VoteAggregator.fit(votes, known, right=right, options=options, voters=names)


def test_one_label_is_enough_for_the_vote_of_independent_voters() -> None:
    model = learnt([[0, 0, 1]], [[0.6, 0.6, 0.6]], right=[0], options=[OPTIONS])
    two, one = [0.6, 0.6, 0.6], [0.4, 0.4, 0.95]
    first, _, third = model.predict([[0, 0, 1], [0, 0, 1]], [two, one], options=[OPTIONS] * 2).T
    assert first[0] > third[0]
    assert first[1] < third[1]


def test_copies_of_a_voter_do_not_outvote_the_others() -> None:
    skills = [0.5, 0.55, 0.55]
    model = fitted(skills, 2000, copies=2)
    votes, known, right, options = election(skills, 4000, seed=1, copies=2)
    predicted = model.predict(votes, known, options=options)
    chosen = votes[np.arange(len(votes)), predicted.argmax(axis=1)]
    # In a plain vote the three that are one have the majority whatever the others say.
    assert (chosen == right).mean() > (votes[:, 0] == right).mean() + 0.03


def test_a_voter_who_is_worse_than_predicted_loses_weight() -> None:
    votes, known, right, options = election([0.6, 0.6, 0.2], 1000)
    promised = known.copy()
    promised[:, 2] = 0.9
    model = learnt(votes, promised, right=right, options=options)
    alone, trusted = model.predict([[-1, -1, 0], [0, -1, -1]], promised[:2], options=options[:2])
    assert alone[2] < 0.5 < trusted[0]


def test_probabilities_are_calibrated() -> None:
    skills = [0.7, 0.5, 0.4, 0.3]
    votes, known, right, options = election(skills, 4000, seed=1)
    shares = fitted(skills, 1000).predict(votes, known, options=options)
    predicted = shares.max(axis=1)
    hit = votes[np.arange(len(votes)), shares.argmax(axis=1)] == right
    sure = predicted > 0.8
    assert abs(predicted[sure].mean() - hit[sure].mean()) < 0.04
    assert abs(predicted[~sure].mean() - hit[~sure].mean()) < 0.04


def test_mistakes_that_agree_tell_how_few_answers_they_are_drawn_from() -> None:
    assert fitted([0.4] * 4, 2000).choices == pytest.approx(OPTIONS, abs=0.3)
    votes, known, right, options = election([0.4] * 4, 2000)
    tempting = np.where(votes == right[:, None], votes, (right[:, None] + 1) % OPTIONS)
    model = learnt(tempting, known, right=right, options=options)
    assert model.choices == pytest.approx(2, abs=0.1)


def test_an_open_question_has_votes_too() -> None:
    votes, known, right, _ = election([0.7, 0.5, 0.5], 400)
    model = learnt(votes, known, right=right, options=np.zeros(400, dtype=np.int64))
    agreed, alone = model.predict([[7, 7, -1], [7, -1, -1]], known[:2], options=[0, 0])
    assert agreed[0] == agreed[1] > alone[0]


def test_a_lone_voter_is_weighed_by_its_skill() -> None:
    votes, known, right, options = election([0.6], 400)
    model = learnt(votes, known, right=right, options=options)
    weak, strong = model.predict([[0], [0]], [[0.3], [0.8]], options=[OPTIONS] * 2)
    assert weak[0] < strong[0]


def test_nobody_is_right_where_nobody_votes() -> None:
    predicted = fitted([0.6, 0.5]).predict([[-1, -1]], [[0.6, 0.5]], options=[OPTIONS])
    assert predicted.tolist() == [[0.0, 0.0]]


def test_a_right_answer_that_nobody_gave_lowers_the_others() -> None:
    votes, known, right, options = election([0.6, 0.5], 400)
    nobody = np.where(np.arange(400) % 2 == 0, right, OPTIONS + 1)
    doubtful = learnt(votes, known, right=nobody, options=options)
    asked = ([[0, 1]], [[0.6, 0.5]])
    sure = fitted([0.6, 0.5]).predict(*asked, options=[OPTIONS])
    assert doubtful.predict(*asked, options=[OPTIONS]).sum() < sure.sum() - 0.1


def test_what_is_not_known_of_a_silent_voter_changes_nothing_where_it_was_average() -> None:
    model = fitted([0.7, 0.5, 0.4])
    votes, whole = [[0, 1, -1]], [[0.7, 0.5, 0.4]]
    partly = model.predict(votes, [[0.7, 0.5, np.nan]], options=[OPTIONS])
    assert partly == pytest.approx(model.predict(votes, whole, options=[OPTIONS]))


def test_what_was_saved_predicts_the_same() -> None:
    model = fitted([0.7, 0.5, 0.4])
    loaded = VoteAggregator.unpacked(model.packed())
    assert (loaded.voters, loaded.fitted_on) == (model.voters, model.fitted_on)
    asked = ([[0, 1, 1]], [[0.7, 0.5, 0.4]])
    assert (
        loaded.predict(*asked, options=[0]).tolist() == model.predict(*asked, options=[0]).tolist()
    )


@pytest.mark.parametrize(
    "worse", [{"voters": ["voter 0"]}, {"choices": -2.0}, {"weights": [float("nan")] * 9}]
)
def test_what_does_not_belong_together_is_no_model(worse: dict[str, object]) -> None:
    packed = fitted([0.7, 0.5]).packed()
    with pytest.raises(ValueError, match="validation error"):
        VoteAggregator.unpacked(replace(packed, data=dict(packed.data) | worse))


ballots = st.lists(st.integers(-1, OPTIONS - 1), min_size=3, max_size=3)
believed = st.lists(st.floats(0, 1), min_size=3, max_size=3)


@given(ballot=ballots, skills=believed, options=st.sampled_from([0, OPTIONS, 20]))
def test_answers_share_at_most_one(ballot: list[int], skills: list[float], options: int) -> None:
    predicted = fitted([0.7, 0.5, 0.4], 60).predict([ballot], [skills], options=[options])[0]
    shares = {group: share for group, share in zip(ballot, predicted, strict=True) if group >= 0}
    assert sum(shares.values()) <= 1 + 1e-9
    for group, share in zip(ballot, predicted, strict=True):
        assert share == shares.get(group, 0.0)
        assert (share > 0) == (group >= 0)


@given(ballot=ballots, skills=believed, names=st.permutations(range(OPTIONS)))
def test_what_the_answers_are_called_changes_nothing(
    ballot: list[int], skills: list[float], names: list[int]
) -> None:
    model = fitted([0.7, 0.5, 0.4], 60)
    renamed = [names[group] if group >= 0 else -1 for group in ballot]
    first = model.predict([ballot], [skills], options=[OPTIONS])
    assert model.predict([renamed], [skills], options=[OPTIONS]) == pytest.approx(first)


@pytest.mark.parametrize(
    ("groups", "skills", "right", "options", "message"),
    [
        ([[0, 1]], [[0.5]], [0], [4], "votes"),
        ([0, 1], [0.5, 0.5], [0], [4], "votes"),
        ([[0, 1]], [[0.5, 1.5]], [0], [4], "between 0 and 1"),
        ([[0, 1]], [[0.5, np.nan]], [0], [4], "between 0 and 1"),
        ([[1, 0]], [[0.5, np.nan]], [0], [4], "between 0 and 1"),
        ([[0, 1]], [[0.5, 0.5]], [0, 1], [4], "right answers"),
        ([[0, 1]], [[0.5, 0.5]], [0], [4, 4], "options"),
        ([[0, 1]], [[0.5, 0.5]], [0], [-1], "options"),
        ([[-1, -1]], [[0.5, 0.5]], [0], [4], "nobody voted"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    groups: list[object],
    skills: list[object],
    right: list[int],
    options: list[int],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        learnt(np.array(groups), np.array(skills), right=right, options=options)


def test_other_voters_than_those_learnt_from_are_refused() -> None:
    with pytest.raises(ValueError, match="3 where there are 2 voters"):
        fitted([0.6, 0.5]).predict([[0, 1, 1]], [[0.5] * 3], options=[OPTIONS])


# Two voters, half of whose past answers were right, to questions with e options; k is 3.
PLAIN = {"choices": 3.0, "skills": [0.0, 0.0], "options": 1.0}
SKILL = {odds: 1 / (1 + math.exp(-odds)) for odds in (-1, 0, 1, 2)}


def odds(weights: dict[int, float], groups: list[int], skills: list[float], options: int) -> float:
    """The logarithm of how much likelier the first voter's answer is than one that nobody gave."""
    packed = fitted([0.7, 0.5]).packed()
    data = dict(packed.data) | PLAIN | {"weights": [weights.get(n, 0.0) for n in range(10)]}
    model = VoteAggregator.unpacked(replace(packed, data=data))
    (shares,) = model.predict([groups], [skills], options=[options])
    nobody = 1 - sum(dict(zip(groups, shares.tolist(), strict=True)).values())
    others = max(options - len(set(groups)), 0) if options else 1
    return math.log(shares[0] / (nobody / others))


BOTH, APART = [0, 0], [0, 1]
EVEN, SURE = [SKILL[0], SKILL[0]], [SKILL[1], SKILL[2]]


@pytest.mark.parametrize(
    ("weights", "groups", "skills", "options", "expected"),
    [
        # Independent voters: the log-odds of each, and the number of wrong answers for each.
        ({}, APART, SURE, 0, 1 + math.log(2)),
        ({}, BOTH, SURE, 0, 3 + 2 * math.log(2)),
        ({}, APART, SURE, 3, 1 + math.log(2)),
        ({}, APART, SURE, 20, 1 + math.log(2)),
        # A skill that is not known is that of the past.
        ({}, [0, -1], [SKILL[1], np.nan], 0, 1 + math.log(2)),
        # What is learnt of a voter, …
        ({0: 0.5}, APART, EVEN, 0, 0.5 + math.log(2)),
        ({1: 0.5}, APART, EVEN, 0, math.log(2)),
        ({1: 0.5}, BOTH, EVEN, 0, 0.5 + 2 * math.log(2)),
        # … of how far its skill is to be trusted, …
        ({2: 0.5}, APART, SURE, 0, 1.5 + math.log(2)),
        ({3: 0.5}, BOTH, SURE, 0, 4 + 2 * math.log(2)),
        # … of easy questions, …
        ({4: 0.5}, APART, SURE, 0, 1 + 0.75 + math.log(2)),
        ({4: 0.5}, [0, -1], [SKILL[2], np.nan], 0, 2 + 1 + math.log(2)),
        # … of many options, …
        ({6: 0.5}, APART, EVEN, 20, 0.5 * (math.log(20) - 1) + math.log(2)),
        ({6: 0.5}, APART, EVEN, 0, math.log(2)),
        # … and of a second vote for the same answer.
        ({8: 0.5}, BOTH, EVEN, 0, 0.5 + 2 * math.log(2)),
        ({8: 0.5}, APART, EVEN, 0, math.log(2)),
        ({9: 0.5}, BOTH, SURE, 0, 3 + 0.75 + 2 * math.log(2)),
    ],
)
def test_an_answer_is_as_likely_as_those_who_gave_it_make_it(
    weights: dict[int, float],
    groups: list[int],
    skills: list[float],
    options: int,
    expected: float,
) -> None:
    assert odds(weights, groups, skills, options) == pytest.approx(expected)


def test_no_other_weights_explain_the_votes_better() -> None:
    votes, known, right, options = election([0.7, 0.5, 0.4], 120, seed=3)
    seen = (votes == right[:, None]).any(axis=1)
    votes, known, right, options = votes[seen], known[seen], right[seen], options[seen]
    packed = learnt(votes, known, right=right, options=options).packed()
    learnt_weights = np.array(packed.data["weights"])

    def likelihood(weights: Array) -> float:
        data = dict(packed.data) | {"weights": weights.tolist()}
        shares = VoteAggregator.unpacked(replace(packed, data=data)).predict(
            votes, known, options=options
        )
        of_right = np.where(votes == right[:, None], shares, 0).max(axis=1)
        return float(np.log(of_right).sum() - 10 * weights @ weights)

    best = likelihood(learnt_weights)
    for nudge in np.eye(len(learnt_weights)) * 0.02:
        assert likelihood(learnt_weights + nudge) < best > likelihood(learnt_weights - nudge)


def test_what_is_learnt_of_a_question_is_centred_on_past_ones() -> None:
    votes, known, right, _ = election([0.7, 0.5], 40)
    options = np.array([4, 16] * 20)
    data = learnt(votes, known, right=right, options=options).packed().data
    assert data["options"] == pytest.approx(math.log(8))
    assert data["skills"] == pytest.approx([math.log(7 / 3), 0])
    assert data["fitted_on"] == 40


@pytest.mark.parametrize(
    ("votes", "options", "choices"),
    [
        ([[1, 1], [1, 2]], 5, 1 + (2 + 4) / (1 + 1)),  # of two pairs of mistakes one agrees
        ([[1, 2], [1, 2]], 5, 1 + (2 + 4) / (0 + 1)),
        ([[1, 1], [1, 1]], 5, 1 + (2 + 4) / (2 + 1)),
        ([[1, 0], [0, -1]], 5, 1 + 4),  # no pair
        ([[1, 1], [1, 1]], 0, 2),
        ([[1, 2], [3, 4]], 0, 1 + (2 + 1) / 1),
    ],
)
def test_the_answers_that_mistakes_are_drawn_from_are_counted_by_pairs(
    votes: list[list[int]], options: int, choices: float
) -> None:
    model = learnt(votes, [[0.5, 0.5]] * 2, right=[0, 0], options=[options] * 2)
    assert model.choices == pytest.approx(choices)
    assert VoteAggregator.unpacked(model.packed()).choices == model.choices
