"""A function gets the name that the question gives it."""

from __future__ import annotations

import pytest

from metier_code.naming import named_as_asked

CODE = "def is_larger(area):\n    return area > 4\n"
TEXT = f"```python\n{CODE}```\nCall `is_larger(5)`."


@pytest.mark.parametrize(
    "question",
    [
        "A Python function bigger(area) that tells if an area is larger",
        "give me python: def bigger(x) returns True above 4",
        "eine Funktion mit dem Namen bigger(a), die True liefert",
        "Write bigger(x) in Python that returns True above 4",
        "then python: bigger(x), True above 4",
        "en Python bigger(area), que devuelve True",
        "write bigger(x)",
    ],
)
def test_the_only_function_takes_the_name_that_was_asked_for(question: str) -> None:
    text = named_as_asked(TEXT, CODE, question)
    assert "def bigger(area)" in text
    assert "`bigger(5)`" in text
    assert "is_larger" not in text


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Write a function hash(s)", "hash"),
        ("a Python function range(values)", "range"),
        ("Write sum(a) in Python", "sum"),
        ("Schreibe max(werte) in Python", "max"),
    ],
)
def test_a_function_that_is_to_be_written_may_have_the_name_of_one_that_is_there(
    question: str, name: str
) -> None:
    assert f"def {name}(area)" in named_as_asked(TEXT, CODE, question)


@pytest.mark.parametrize(
    ("code", "question"),
    [
        (CODE, "a function that tells if an area is larger"),
        (CODE, "a function bigger(a, b)"),
        (CODE, "what does print(x) give in Python"),
        (CODE, "write the Python function(s) for it"),
        (CODE, "bigger(4) in Python"),
        (CODE, "a function bigger(a) and a function smaller(a)"),
        (CODE + "bigger = is_larger\n", "a function bigger(a)"),
        (CODE + "def other(x):\n    return x\n", "a function bigger(a)"),
        ("def broken(:", "a function bigger(a)"),
    ],
)
def test_other_answers_stay_as_they_are(code: str, question: str) -> None:
    assert named_as_asked(code, code, question) == code
