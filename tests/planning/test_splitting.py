"""Where a question is cut, and where it must not be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.planning.splitting import clauses


def cut(question: str) -> list[str]:
    return [clause.text for clause in clauses(question)]


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (
            "What is one dose? Then write a Python function for it, and say when it is dangerous.",
            [
                "What is one dose?",
                "Then write a Python function for it",
                "say when it is dangerous.",
            ],
        ),
        ("Solve x^2 = 9; explain photosynthesis.", ["Solve x^2 = 9", "explain photosynthesis."]),
        ("- Convert 5 km to miles\n- Write a haiku", ["Convert 5 km to miles", "Write a haiku"]),
        ("1. What is CRP?\n2. Plot a sine.", ["What is CRP?", "Plot a sine."]),
        ("How far is it and who was first?", ["How far is it", "who was first?"]),
        (
            "Translate 'hello' to French, and then also compute 3 * 4.",
            ["Translate 'hello' to French", "compute 3 * 4."],
        ),
    ],
)
def test_requests_are_cut_apart(question: str, parts: list[str]) -> None:
    assert cut(question) == parts


@pytest.mark.parametrize(
    "question",
    [
        "Tom has 3 apples. He buys 5 more and eats 2. How many are left?",
        "I tried dict.update. It changed the first dict. How do I merge two dicts?",
        "Write a function that reads a file and returns its lines.",
        "What are the pros and cons of tea?",
        "Is it safe to mix bleach and ammonia?",
        "What does this mean?\n```\nfor x in y:\n    print(x)\n\nWhat is it?\n```",
        'Translate "Go home and write a letter. What is it?" into German.',
        "Explain, e.g. with a picture, how a lever works",
        "Dr. Smith gave me 5 mg. Is that too much?",
        "hello",
        "what is \ue0007\ue001",
    ],
)
def test_a_single_task_stays_whole(question: str) -> None:
    assert cut(question) == [question]


@given(st.text(max_size=300))
def test_any_text_is_cut_into_pieces_of_itself(question: str) -> None:
    found = clauses(question)
    assert all(clause.text for clause in found)
    if question.strip() and not found:
        raise AssertionError("a text that is not empty has at least one clause")
