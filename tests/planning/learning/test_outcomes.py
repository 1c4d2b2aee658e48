import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from metier.models.embedder import Vectors, unit
from metier.planning.learning.outcomes import ModelRouter
from metier.planning.learning.similarity import Similarity

MODELS = ("mathematician", "poet")
Array = npt.NDArray[np.float64]


def questions(count: int, *, seed: int = 0) -> tuple[list[str], Vectors, Array]:
    """Half sums, half verses; who knows the subject is right nine times in ten, else three."""
    draw = np.random.default_rng(seed)
    topics = draw.integers(0, 2, count)
    texts = [
        f"What is {draw.integers(99)} + {draw.integers(99)}?" if topic == 0 else "Write a verse."
        for topic in topics.tolist()
    ]
    vectors = unit(np.eye(8)[topics] + draw.normal(scale=0.3, size=(count, 8)))
    chances = np.where(topics[:, None] == np.arange(2), 0.9, 0.3)
    return texts, vectors, (draw.random((count, 2)) < chances).astype(np.float64)


def picked(model: ModelRouter, texts: list[str], vectors: Vectors, right: Array) -> float:
    best = model.predict(texts, vectors).argmax(axis=1)
    return float(right[np.arange(len(best)), best].mean())


@pytest.mark.parametrize("count", [60, 400])
def test_the_picked_model_is_right_more_often_than_the_best_single_one(count: int) -> None:
    texts, vectors, right = questions(count)
    asked = questions(1000, seed=1)
    model = ModelRouter.fit(texts, vectors, right, models=MODELS)
    assert picked(model, *asked) > asked[2].mean(axis=0).max() + 0.15


def test_predictions_are_calibrated() -> None:
    texts, vectors, right = questions(600)
    new_texts, new_vectors, new_right = questions(2000, seed=1)
    model = ModelRouter.fit(texts, vectors, right, models=MODELS)
    predicted = model.predict(new_texts, new_vectors)
    sure = predicted > 0.75
    assert sure.mean() > 0.3
    assert abs(predicted[sure].mean() - new_right[sure].mean()) < 0.05
    assert abs(predicted[~sure].mean() - new_right[~sure].mean()) < 0.05


def test_what_a_text_looks_like_is_learnt_where_the_vectors_say_nothing() -> None:
    texts, vectors, right = questions(400)
    same = np.tile(vectors[:1], (400, 1))
    model = ModelRouter.fit(texts, same, right, models=MODELS)
    sums, verses = model.predict(["What is 3 + 4?", "Write a verse."], same[:2])
    assert sums[0] > sums[1] + 0.3
    assert verses[1] > verses[0] + 0.3


def test_a_handful_of_labels_gives_the_means() -> None:
    texts, vectors, _ = questions(5)
    right = np.array([[1, 0], [1, 0], [1, 1], [0, 0], [1, 0]], float)
    predicted = ModelRouter.fit(texts, vectors, right, models=MODELS).predict(texts, vectors)
    assert predicted == pytest.approx(np.tile([0.8, 0.2], (5, 1)))


@pytest.mark.parametrize(("count", "told_apart"), [(9, False), (10, True)])
def test_ten_labels_are_enough_to_tell_texts_apart(count: int, *, told_apart: bool) -> None:
    texts, vectors, _ = questions(count)
    right = np.array([["?" in text, "?" not in text] for text in texts], float)
    predicted = ModelRouter.fit(texts, vectors, right, models=MODELS).predict(texts, vectors)
    assert (np.ptp(predicted, axis=0) > 0.01).all() == told_apart


def test_a_text_whose_outcomes_are_all_unknown_teaches_nothing() -> None:
    texts, vectors, right = questions(40)
    right[20:] = np.nan
    part = ModelRouter.fit(texts, vectors, right, models=MODELS)
    half = ModelRouter.fit(texts[:20], vectors[:20], right[:20], models=MODELS)
    assert part.fitted_on == 20
    assert np.array_equal(part.predict(texts, vectors), half.predict(texts, vectors))


def test_outcomes_by_chance_give_nearly_the_means() -> None:
    texts, vectors, _ = questions(20)
    right = np.random.default_rng(3).permutation(np.repeat([[1.0, 0.0], [0.0, 0.0]], 10, axis=0))
    predicted = ModelRouter.fit(texts, vectors, right, models=MODELS).predict(texts, vectors)
    assert np.abs(predicted - [0.5, 0.0]).max() < 0.2


def test_unknown_outcomes_do_not_count() -> None:
    texts, vectors, right = questions(400)
    asked = questions(1000, seed=1)
    known = np.random.default_rng(2).random(right.shape) < 0.6
    model = ModelRouter.fit(texts, vectors, np.where(known, right, np.nan), models=MODELS)
    assert model.fitted_on == int(known.any(axis=1).sum()) < 400
    assert picked(model, *asked) > asked[2].mean(axis=0).max() + 0.15


def test_a_model_that_is_always_right_is_always_picked() -> None:
    texts, vectors, right = questions(200)
    right[:, 1] = 1
    predicted = ModelRouter.fit(texts, vectors, right, models=MODELS).predict(texts, vectors)
    assert (predicted.argmax(axis=1) == 1).all()
    assert predicted[:, 1].min() > 0.9
    assert predicted.max() <= 1


def test_shares_are_outcomes_too() -> None:
    texts, vectors, right = questions(300)
    whole = ModelRouter.fit(texts, vectors, right, models=MODELS).predict(texts, vectors)
    halved = ModelRouter.fit(texts, vectors, right / 2, models=MODELS).predict(texts, vectors)
    assert halved == pytest.approx(whole / 2, abs=0.05)


def test_the_same_outcomes_teach_the_same() -> None:
    texts, vectors, right = questions(1600)
    first, second = (
        ModelRouter.fit(texts, vectors, right, models=MODELS, seed=4).predict(texts, vectors)
        for _ in range(2)
    )
    assert np.array_equal(first, second)


def test_a_text_is_predicted_alike_alone_and_among_others() -> None:
    texts, vectors, right = questions(200)
    model = ModelRouter.fit(texts, vectors, right, models=MODELS)
    alone = model.predict(texts[:1], vectors[:1])
    assert alone[0] == pytest.approx(model.predict(texts, vectors)[0], abs=1e-4)
    assert model.predict([], vectors[:0]).shape == (0, 2)


def test_what_was_saved_predicts_the_same() -> None:
    texts, vectors, right = questions(100)
    model = ModelRouter.fit(texts, vectors, right, models=MODELS)
    loaded = ModelRouter.unpacked(model.packed())
    assert (loaded.models, loaded.fitted_on) == (MODELS, 100)
    assert np.array_equal(loaded.predict(texts, vectors), model.predict(texts, vectors))


def test_arrays_that_do_not_belong_together_are_no_model() -> None:
    texts, vectors, right = questions(30)
    packed = ModelRouter.fit(texts, vectors, right, models=MODELS).packed()
    worse = dict(packed.arrays) | {"weights": packed.arrays["weights"][:5]}
    with pytest.raises(ValueError, match="do not match"):
        ModelRouter.unpacked(replace(packed, arrays=worse))


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    texts, vectors, right = questions(20)
    unknown = right.copy()
    unknown[:, 1] = np.nan
    for wrong in (right[:19], right[:, :1], right[0], right + 1, unknown):
        with pytest.raises(ValueError, match="outcome"):
            ModelRouter.fit(texts, vectors, wrong, models=MODELS)
    with pytest.raises(ValueError, match="vectors"):
        ModelRouter.fit(texts, vectors[:19], right, models=MODELS)
    model = ModelRouter.fit(texts, vectors, right, models=MODELS)
    for asked in (vectors[:2, :7], vectors[:1], vectors[0]):
        with pytest.raises(ValueError, match="vectors"):
            model.predict(texts[:2], asked)


@pytest.mark.parametrize(
    ("first", "before", "outcomes", "expected"),
    [
        # Two texts that were predicted alike count fully, and the first look as three.
        ([0.5], [[0.5], [0.5]], [[1], [1]], [(0.5 + (2 + 1.5) / 5) / 2]),
        ([0.5], [[0.5], [0.5]], [[0], [1]], [0.5]),
        # One at sqrt(1/2), the least bandwidth of two; then two at 2 bandwidths of 0.5 * 2.
        ([0.5], [[0.5], [0.5 + 0.5**0.5]], [[0], [1]],
         [(0.5 + (math.exp(-0.5) + 1.5) / (4 + math.exp(-0.5))) / 2]),
        ([0.5], [[-1.5], [2.5]], [[1], [1]],
         [(0.5 + (2 * math.exp(-2) + 1.5) / (3 + 2 * math.exp(-2))) / 2]),
        # Far in one model is far.
        ([0.5, 0.5], [[0.5, 9.5], [0.5, -8.5]], [[1, 1], [1, 1]],
         [(0.5 + (2 * math.exp(-2) + 1.5) / (3 + 2 * math.exp(-2))) / 2] * 2),
        # Above 1 and below 0 all are shifted together.
        ([1.3, 0.8], [[1.3, 0.8]] * 2, [[1.3, 0.8]] * 2, [1, 0.5]),
        ([-0.2, 0.4], [[-0.2, 0.4]] * 2, [[-0.2, 0.4]] * 2, [0, 0.6]),
        ([-0.2, 1.4], [[-0.2, 1.4]] * 2, [[-0.2, 1.4]] * 2, [0, 1]),
    ],
)  # fmt: skip
def test_half_of_a_prediction_is_what_came_of_texts_that_were_predicted_alike(
    first: list[float],
    before: list[list[float]],
    outcomes: list[list[float]],
    expected: list[float],
) -> None:
    texts, vectors, _ = questions(2)
    right = np.full((2, len(first)), 0.5)
    packed = ModelRouter.fit(texts, vectors, right, models=MODELS[: len(first)]).packed()
    given = {"intercept": first, "profiles": before, "outcomes": outcomes}
    arrays = dict(packed.arrays) | {name: np.array(rows, float) for name, rows in given.items()}
    model = ModelRouter.unpacked(replace(packed, arrays=arrays))
    assert model.predict(texts[:1], vectors[:1])[0] == pytest.approx(expected)


def ridge(features: Array, targets: Array, asked: Array, size: float) -> Array:
    """Predictions of a ridge regression whose intercept is free."""
    centre, mean = features.mean(axis=0), targets.mean(axis=0)
    centred = features - centre
    system = centred.T @ centred + size * np.eye(features.shape[1])
    return (asked - centre) @ np.linalg.solve(system, centred.T @ (targets - mean)) + mean


def best_ridge(features: Array, targets: Array) -> tuple[Array, Array]:
    """Predictions with and without each text of the ridge that errs least about those left out."""
    numbers = np.arange(len(features))
    tried = []
    for size in 10.0 ** np.arange(0, 4.01, 0.25):
        without = [
            ridge(features[numbers != n], targets[numbers != n], features[n : n + 1], size)[0]
            for n in numbers
        ]
        error = float(((targets - without) ** 2).sum())
        tried.append((error, ridge(features, targets, features, size), np.array(without)))
    _, fitted, left_out = min(tried, key=lambda each: each[0])
    return fitted, left_out


def test_it_is_the_regression_that_errs_least_about_each_text_from_the_others() -> None:
    texts, vectors, right = questions(14)
    arrays = ModelRouter.fit(texts, vectors, right, models=MODELS).packed().arrays
    similarity = Similarity.from_arrays(arrays)
    kernel = similarity.to_landmarks(texts, vectors)
    features = kernel @ similarity.whitening()
    common = right.mean(axis=1, keepdims=True)
    # What the models have in common, and how each deviates.
    general, own = best_ridge(features, common), best_ridge(features, right - common)
    assert kernel @ arrays["weights"] + arrays["intercept"] == pytest.approx(
        general[0] + own[0], abs=1e-4
    )
    assert arrays["profiles"] == pytest.approx(general[1] + own[1], abs=1e-4)
