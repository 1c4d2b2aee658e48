"""What speaks against a word problem's program."""

from __future__ import annotations

import pytest

from metier_math.doubts import doubts, numbers_used
from metier_math.program import Computed
from metier_math.reading import Worked, worked

STORY = (
    "In 2024 Ann buys 3 boxes of 12 pens at a discount of 20%. A pen costs 1,500 cents. "
    "What does she pay?"
)


def program(*lines: str) -> Worked:
    code = "\n".join(lines)
    return worked(f"```python\n{code}\n```")


def used(*lines: str, question: str = STORY) -> frozenset[str]:
    return numbers_used(question, program(*lines))


def doubted(*lines: str, question: str = STORY, result: str = "43200") -> tuple[str, ...]:
    return doubts(question, program(*lines), Computed(text=result, exact=result))


@pytest.mark.parametrize("share", ["full * 0.8", "full * (1 - 0.2)", "full - full * 20 / 100"])
def test_a_percentage_is_used_in_several_ways(share: str) -> None:
    found = used("pens = 3 * 12", "full = pens * 1_500", f"answer = {share}")
    assert found == {"3", "12", "20", "1,500"}


def test_a_comment_tells_what_a_number_stands_for() -> None:
    assert used("# 3 boxes of 12", "pens = 36", "answer = pens * 1500") == {"3", "12", "1,500"}


def test_a_number_in_a_step_that_leads_nowhere_is_not_used() -> None:
    assert used("year = 2024", "answer = 3 * 12") == {"3", "12"}


def test_options_are_no_part_of_the_story() -> None:
    question = "Ann has 3 boxes of 12 pens. How many pens?\nA) 36\nB) 15\nC) 9"
    assert used("answer = 36 - 15 + 12 + 3", question=question) == {"3", "12"}


def test_a_number_in_a_name_is_none() -> None:
    question = "Box2 holds 3 pens, and box1 holds 12. How many are there?"
    assert used("answer = 3 + 12 + 1 + 2", question=question) == {"3", "12"}


def test_nothing_speaks_against_a_program_that_uses_what_it_works_out() -> None:
    assert not doubted("pens = 3 * 12", "full = pens * 1500", "answer = full * 0.8")


def test_an_amount_that_is_worked_out_and_leads_nowhere_is_named() -> None:
    lines = ("pens = 3 * 12", "cut = 0.2 * pens", "full = pens * 1500", "answer = full")
    assert doubted(*lines) == ("cut is not used",)


def test_what_the_story_only_mentions_is_no_doubt() -> None:
    assert not doubted("year = 2024", "answer = 3 * 12")


def test_a_name_that_is_given_another_value_is_used() -> None:
    assert not doubted("total = 3 * 12", "total = total * 1500", "total = total * 0.8")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Ben has 3 apples and gives 5 away. How many are left?", ("the result is negative",)),
        ("It was 3 degrees, and 5 less in the night. How cold was it?", ()),
        ("A number is 5 more than -3. What is it?", ()),
    ],
)
def test_an_amount_is_seldom_negative(question: str, expected: tuple[str, ...]) -> None:
    assert doubted("answer = 3 - 5", question=question, result="-2") == expected
