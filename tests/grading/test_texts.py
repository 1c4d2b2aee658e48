"""Short strings, and what a text must say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.grading import Text, extracted, same
from metier.grading.texts import normal


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Guernica", "Guernica"),
        ("Wolfgang Amadeus Mozart.", "Wolfgang Amadeus Mozart"),
        ("The answer is Paris. It lies on the Seine.", "Paris"),
        ("Answer: Dr. Who", "Dr. Who"),
        ("It was **Pablo Picasso**, in 1937.", "Pablo Picasso"),
        ('Answer: **"Mali"** (in Africa)', "Mali"),
        ("#### Paris", "Paris"),
        ("Result:\nParis", "Paris"),
    ],
)
def test_a_short_answer_is_read(text: str, answer: str) -> None:
    assert extracted(text, Text()) == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "It was painted by Pablo Picasso in Paris in 1937.",
        "Either **Paris** or **Rome**.",
        "Paris\nRome",
    ],
)
def test_sentences_and_choices_are_no_short_answer(text: str) -> None:
    assert extracted(text, Text()) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Magic Flute", "magic flute"),
        ("Bogotá", "Bogota"),
        ("1,050", "1050"),
        ("São Tomé and Príncipe", "Sao Tome and Principe"),
        ("**Mali**", "The answer is Mali."),
        ("rock-and-roll", "rock and roll"),
    ],
)
def test_the_same_string_is_the_same_answer(one: str, other: str) -> None:
    assert same(one, other, Text())


def test_a_decimal_point_is_part_of_a_word() -> None:
    assert normal("I10.5, and so on.") == "i10.5 and so on"
    assert not same("3.5", "35", Text())


@given(st.text(max_size=200))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normal(normal(text)) == normal(text)
