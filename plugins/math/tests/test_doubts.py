"""What speaks against a word problem's program."""

from __future__ import annotations

import pytest

from metier_math.doubts import doubts
from metier_math.program import Computed
from metier_math.reading import worked

STORY = (
    "Ann buys 3 boxes of 12 pens at a discount of 20%. A pen costs 1,500 cents. What does she pay?"
)


def found(*lines: str, question: str = STORY, result: str = "43200") -> tuple[str, ...]:
    code = "\n".join(lines)
    return doubts(question, worked(f"```python\n{code}\n```"), Computed(text=result, exact=result))


def test_nothing_speaks_against_a_program_that_uses_all_it_is_told() -> None:
    assert not found("pens = 3 * 12", "full = pens * 1500", "answer = full * 0.8")


@pytest.mark.parametrize("share", ["full * 0.8", "full * (1 - 0.2)", "full - full * 20 / 100"])
def test_a_percentage_may_be_written_in_several_ways(share: str) -> None:
    assert not found("pens = 3 * 12", "full = pens * 1_500", f"answer = {share}")


def test_a_number_that_is_left_out_is_named() -> None:
    assert found("pens = 3 * 12", "answer = pens * 1500") == ("20 is left out",)


def test_a_comment_tells_what_a_number_stands_for() -> None:
    program = ("pens = 36  # 3 boxes of 12", "full = pens * 1500", "answer = full * 0.8")
    assert not found(*program)


def test_an_amount_that_leads_nowhere_is_named() -> None:
    program = ("pens = 3 * 12", "cut = 0.2 * pens", "full = pens * 1500", "answer = full")
    assert found(*program) == ("cut is not used",)


def test_a_name_that_is_given_another_value_is_used() -> None:
    program = ("total = 3 * 12", "total = total * 1500", "total = total * 0.8", "answer = total")
    assert not found(*program)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Ben has 3 apples and gives 5 away. How many are left?", ("the result is negative",)),
        ("It was 3 degrees, and 5 less in the night. How cold was it?", ()),
        ("A number is 5 more than -3. What is it?", ()),
    ],
)
def test_an_amount_is_seldom_negative(question: str, expected: tuple[str, ...]) -> None:
    assert found("answer = 3 - 5", question=question, result="-2") == expected


def test_options_are_no_part_of_the_story() -> None:
    question = "Ann has 3 boxes of 12 pens. How many pens?\nA) 36\nB) 15\nC) 9"
    assert not found("answer = 3 * 12", question=question, result="36")


def test_a_number_in_a_name_is_none() -> None:
    question = "Box2 holds 3 pens, and box1 holds 12. How many are there?"
    assert not found("answer = 3 + 12", question=question, result="15")
