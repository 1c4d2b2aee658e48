"""One step or several: by grammar, and learnt."""

from __future__ import annotations

import numpy as np
import pytest
from hostile import processor_time, repeated

from metier.errors import InvalidInput
from metier.models.embedder import Vectors, unit
from metier.planning.learning.artefacts import Packed
from metier.planning.needs import IntentClassifier, asks_several

VERBS = ("draw", "print", "translate", "send", "describe", "sort", "read", "count")
NOUNS = ("letter", "picture", "list", "song", "page")
SINGLE = [f"Please {verb} the {noun}." for verb in VERBS for noun in NOUNS]
SEVERAL = [
    f"Please {verb} the {noun}, then {VERBS[n - 1]} it."
    for n, verb in enumerate(VERBS)
    for noun in NOUNS
]
TEXTS = SINGLE + SEVERAL
LABELS = [False] * len(SINGLE) + [True] * len(SEVERAL)


def vectors(texts: list[str]) -> Vectors:
    return unit([[text.count(letter) + 1 for letter in "aeiou"] for text in texts])


def learnt() -> IntentClassifier:
    return IntentClassifier.fit(TEXTS, vectors(TEXTS), LABELS)


@pytest.mark.parametrize(
    ("question", "several"),
    [
        ("What is 2 plus 2?", False),
        ("Tom has 3 apples. He eats 2. How many are left?", False),
        ("Translate the letter and then send it to Ann.", True),
    ],
)
def test_grammar_alone_tells_one_step_from_several(question: str, several: bool) -> None:
    assert asks_several(question) is several


def test_what_was_labelled_is_learnt() -> None:
    new = ["Please wash the car.", "Please wash the car, then sell it."]
    chances = learnt().predict(new, vectors(new))
    assert chances[0] < 0.5 < chances[1]
    assert ((chances >= 0) & (chances <= 1)).all()


def test_labels_that_grammar_does_not_tell_are_learnt_too() -> None:
    labels = [text.split()[1] in VERBS[:4] for text in SINGLE]
    head = IntentClassifier.fit(SINGLE, vectors(SINGLE), labels)
    new = ["Please draw the map.", "Please count the map."]
    assert (head.predict(new, vectors(new)) > 0.5).tolist() == [True, False]


def test_of_many_requests_an_even_selection_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metier.planning.needs._ROWS", 30)
    assert len(learnt().vectors) == 27


def test_what_was_learnt_survives_saving() -> None:
    loaded = IntentClassifier.unpacked(learnt().packed())
    assert np.array_equal(
        loaded.predict(TEXTS, vectors(TEXTS)), learnt().predict(TEXTS, vectors(TEXTS))
    )


@pytest.mark.parametrize("damage", ["shape", "nan", "missing"])
def test_arrays_that_do_not_belong_together_are_refused(damage: str) -> None:
    arrays = dict(learnt().packed().arrays)
    match damage:
        case "shape":
            arrays["weights"] = arrays["weights"][1:]
        case "nan":
            arrays["weights"] = arrays["weights"] * np.nan
        case _:
            del arrays["weights"]
    with pytest.raises((ValueError, TypeError)):
        IntentClassifier.unpacked(Packed(arrays=arrays))


def test_labels_of_one_kind_teach_nothing() -> None:
    with pytest.raises(InvalidInput, match="both needed"):
        IntentClassifier.fit(SINGLE, vectors(SINGLE), [False] * len(SINGLE))


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(InvalidInput, match="80 texts, 80 vectors and 79 labels differ"):
        IntentClassifier.fit(TEXTS, vectors(TEXTS), LABELS[1:])


def test_vectors_of_another_embedder_are_refused() -> None:
    with pytest.raises(InvalidInput, match="learnt with dimension 5"):
        learnt().predict(["hello"], unit([[1.0, 2.0]]))


def test_a_document_of_a_megabyte_is_predicted_in_linear_time() -> None:
    text = repeated("It is A. ")
    needs = learnt()
    with processor_time(10):
        needs.predict([text], vectors([text]))


@pytest.mark.parametrize(
    ("text", "clauses", "requests", "signs"),
    [
        ("the sea", 1, 0, {}),
        ("Who is he? Who is she?", 2, 2, {12: 2}),
        ("the sea also", 1, 0, {0: 1}),
        ("the sea meanwhile furthermore", 1, 0, {0: 2}),
        ("the sea finally", 1, 0, {1: 1}),
        ("afterwards lastly", 1, 0, {1: 2}),
        ("the sea while once", 1, 0, {2: 2}),
        ("the sea and swimming", 1, 0, {3: 1}),
        ("the sea by swimming", 1, 0, {4: 1}),
        ("the sea using it", 1, 0, {5: 1, 10: 1}),
        ("from those", 1, 0, {5: 1}),
        ("the results, the final", 1, 0, {6: 2, 11: 1}),
        ("the painted sea", 1, 0, {7: 1}),
        ("the sea along with", 1, 0, {8: 1}),
        ("the sea and some", 1, 0, {9: 1}),
        ("the sea of them", 1, 0, {10: 1}),
        ("sea, sand, sun", 1, 0, {11: 2}),
    ],
)
def test_what_joins_requests_is_counted(
    text: str, clauses: int, requests: int, signs: dict[int, int]
) -> None:
    texts = [text, "the sea"]
    scale = IntentClassifier.fit(texts, vectors(texts), [True, False]).scale
    # The mean of log(1 + count) over both, of which the other has one clause.
    counts = np.expm1(2 * scale[0] - [np.log(2), *[0] * 14])
    assert counts == pytest.approx(
        [clauses, requests, *(signs.get(n, 0) for n in range(13))], abs=1e-4
    )


def test_what_a_label_misses_is_in_proportion_to_its_weight() -> None:
    dice = np.random.default_rng(2)
    labels = np.array(LABELS) ^ (dice.random(len(LABELS)) < 0.2)
    head = IntentClassifier.fit(TEXTS, vectors(TEXTS), labels.tolist())
    chances = head.predict(TEXTS, vectors(TEXTS))
    inside = (chances > 0) & (chances < 1)
    assert inside.sum() > 40
    # A ridge regression on -1 and 1, whose ridge is one of four.
    missing = np.where(labels, 1, -1) - (2 * chances - 1)
    ridges = missing[inside] / head.weights[inside]
    assert ridges == pytest.approx(np.full(inside.sum(), np.median(ridges)), rel=0.02)
    assert min(abs(np.median(ridges) - each) for each in (0.03, 0.1, 0.3, 1.0)) < 0.01
    assert head.bias == pytest.approx(np.where(labels, 1, -1).mean())
