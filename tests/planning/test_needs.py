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
