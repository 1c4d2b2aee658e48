"""The choices that a question gives."""

from __future__ import annotations

import pytest

from metier.grading import Choices, choices_in

METALS = ("iron", "zinc", "tin")


@pytest.mark.parametrize(
    "question",
    [
        "Which metal?\nA) iron\nB) zinc\nC) tin",
        "Which metal?\n(A) iron\n(B) zinc\n(C) tin",
        "Which metal?\n\nA. iron\n\nB. zinc\n\nC. tin",
        "Which metal?\n- A: iron\n- B: zinc\n- C: tin",
        "Which metal? (A) iron (B) zinc (C) tin",
        "Which metal? A) iron, B) zinc, C) tin",
        "Which metal?\nA) iron\nB) zinc\nC) tin\nAnswer with the letter only.",
    ],
)
def test_lettered_options_are_read(question: str) -> None:
    found = choices_in(question)
    assert found is not None
    assert found.stem == "Which metal?"
    assert found.labels == ("A", "B", "C")
    assert found.options == METALS


@pytest.mark.parametrize(
    ("question", "labels"),
    [
        ("Is it so? Answer yes, no or maybe.", ("yes", "no", "maybe")),
        ("Is it so? Answer with 'yes' or 'no' only.", ("yes", "no")),
        ("Reply with true or false.\nIs it so?", ("true", "false")),
    ],
)
def test_words_to_answer_with_are_read(question: str, labels: tuple[str, ...]) -> None:
    found = choices_in(question)
    assert found is not None
    assert (found.labels, found.options) == (labels, ())
    assert "Is it so?" in found.stem


@pytest.mark.parametrize(
    "question",
    [
        "What is zinc?",
        "A patient came in. B. Smith was his name.",
        "Is it tea or coffee?",
        "B) zinc\nC) tin",
        "A) only one option",
        "Please answer me: do you prefer tea or coffee?",
    ],
)
def test_an_open_question_has_no_choices(question: str) -> None:
    assert choices_in(question) is None


def test_a_rotation_puts_another_option_under_each_label() -> None:
    choices = Choices(stem="Which?", labels=("A", "B", "C"), options=METALS)
    assert choices.rotated(1).options == ("zinc", "tin", "iron")
    assert choices.rotated(3) == choices
    assert choices.rotated(1).text() == "Which?\nA) zinc\nB) tin\nC) iron"


def test_a_list_of_more_words_than_choices_have_is_no_choice() -> None:
    words = [f"word{n}" for n in range(100)]
    assert choices_in(f"Answer {', '.join(words)} or none.") is None
