"""Parts that the asker set apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.planning.splitting.clauses import clauses, set_apart

CODE = "Complete this function.\n```python\ndef f(x):\n\n    1. x\n\n2. y\n```"
STORY = "Ann has 3 pens. She buys 4 more. How many has she?"
EXAM = "He coughs. Which of the following is best?\nA) tea\nB) rest"


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (f"1. {STORY}\n\n2. {CODE}", (STORY, CODE)),
        (f"1) {STORY}\n\n2) {CODE}\n\n3) {EXAM}", (STORY, CODE, EXAM)),
        (f"I have two questions. First: {STORY}\n\nSecond: {EXAM}", (STORY, EXAM)),
        (f"Two things, please: first, {STORY}\n\nSecondly, {CODE}", (STORY, CODE)),
        (f"Question 1: {STORY}\n\nQuestion 2: {CODE}", (STORY, CODE)),
        (f"{STORY}\n\nAlso, {EXAM}", (STORY, EXAM)),
        (f"{STORY}\n\nAlso, something else: {CODE}", (STORY, CODE)),
        (f"{CODE}\n\nAnother question: {STORY}", (CODE, STORY)),
    ],
)
def test_parts_that_are_set_apart_stay_whole(question: str, parts: tuple[str, ...]) -> None:
    assert set_apart(question) == parts
    assert tuple(clause.text for clause in clauses(question)) == parts


@pytest.mark.parametrize(("part", "apart"), [("What is", 0), ("What is it?", 2)])
def test_a_part_has_at_least_three_words(part: str, apart: int) -> None:
    assert len(set_apart(f"1. {STORY}\n\n2. {part}")) == apart


@pytest.mark.parametrize(
    "marks",
    [
        ["First, ", "Second, ", "Third, ", "Fourth, ", "Fifth, "],
        ["First: ", "the second question: ", "Thirdly, ", "the fourth thing: ", "Fifth, "],
        ["1. ", "(2) ", "3: ", "4) ", "5. "],
        ["Part 1. ", "part 2: ", "Task 3) ", "problem 4. ", "Point 5: "],
        ["1. ", "2. ", "Also, ", "3. ", "4. "],
    ],
)
def test_parts_are_counted(marks: list[str]) -> None:
    parts = tuple(f"What is {n} + {n}?" for n in range(1, 6))
    question = "\n\n".join(f"{mark}{part}" for mark, part in zip(marks, parts, strict=True))
    assert set_apart(question) == parts
    # Up to the one that is left out.
    left_out = question.replace(f"{marks[2]}{parts[2]}\n\n", "")
    assert len(set_apart(left_out)) == (4 if marks[2] == "Also, " else 2)


@pytest.mark.parametrize(
    "question",
    [
        STORY,
        CODE,
        EXAM,
        "He walks home.\n\nAlso, he buys bread on the way home.",
        "There are 2 boxes here.\n\n2. is not a part of a list",
        f"{STORY}\n\nThen she gives 2 away.\n\nHow many are left?",
        f"1. {STORY}\n\n3. {CODE}",
        f"1. {STORY}\n2. {CODE}",
    ],
)
def test_what_is_no_division_is_left_to_the_clauses(question: str) -> None:
    assert set_apart(question) == ()


@given(st.text(alphabet="ab 12.:\n?)`", max_size=80))
def test_no_word_is_lost_in_any_text(question: str) -> None:
    found = set_apart(question)
    assert all(part in question for part in found)
