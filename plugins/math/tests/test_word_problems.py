"""Word problems: programs are written until two agree."""

from __future__ import annotations

import pytest
from scripted_context import CARD, saying

from metier.experts.expert import Task
from metier.models.server import Sampling
from metier.testing import ScriptedContext
from metier_math import Math
from metier_math.calculator import Calculator
from metier_math.word_problems import MOST_UNREAD, SAMPLES, TEMPERATURE, is_word_problem

pytestmark = pytest.mark.anyio
STORY = (
    "Ann has 3 boxes with 12 pens in each of them. She gives 5 pens to her brother and buys "
    "another 4 pens in the shop. How many pens does she have now?"
)
RIGHT = "```python\n# 3 boxes of 12\npens = 3 * 12\nanswer = pens - 5 + 4\nprint(answer)\n```"
SAME = "```python\nstart = 12 * 3\nleft = start - 5\nreturn left + 4\n```"
WRONG = "```python\nanswer = 3 * 12 - 5 - 4\n```"
OTHER = "```python\nanswer = 3 + 12 + 5 + 4\n```"
SHORT = "```python\nanswer = 3 * 12 - 5\n```"
UNREADABLE = "```python\nfor pen in pens:\n    count(pen)\n```"


async def answered(given: ScriptedContext, calculator: Calculator, *, samples: int = 3) -> str:
    return await Math(CARD, calculator=calculator, samples=samples).answer(Task(text=STORY), given)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (STORY, True),
        ("What is 15% of 80?", False),
        ("Solve x^2 = 4. Then say which of the two solutions is the positive one, please, and "
         "explain in one sentence why there are exactly two of them and not more.", False),
        ("Differentiate the function. It is the one that we spoke about before, with the sine in "
         "it and the exponential, and I need it for my homework until tomorrow morning.", False),
    ],
)  # fmt: skip
async def test_a_story_with_numbers_is_a_word_problem(text: str, expected: bool) -> None:
    assert is_word_problem(text) is expected


async def test_two_programs_that_agree_are_enough(calculator: Calculator) -> None:
    given = saying(RIGHT, SAME, "never asked for")
    text = await answered(given, calculator)
    assert len(given.calls) == 2
    assert text.endswith("**Result: 35**")
    assert "3 boxes of 12:\npens = 3 * 12 = 36" in text
    assert (given.checked, given.how_checked) == (True, "2 of 2 programs agree")


async def test_of_programs_written_side_by_side_one_result_has_to_lead_by_two(
    calculator: Calculator,
) -> None:
    given = saying(RIGHT, WRONG, OTHER, SAME, SAME, RIGHT, WRONG, OTHER)
    given.at_once = 4
    text = await answered(given, calculator, samples=SAMPLES)
    assert len(given.calls) == 8
    assert text.endswith("**Result: 35**")
    assert given.checked is True


@pytest.mark.parametrize(
    ("first_round", "rounds"),
    [
        ((RIGHT, SAME, WRONG, RIGHT), 1),
        ((RIGHT, SAME, WRONG, WRONG), 2),
        ((SHORT, SHORT, SHORT, RIGHT), 2),
        ((SHORT, SHORT, SHORT, SHORT), 1),
    ],
)
async def test_no_further_round_is_asked_for_once_it_leads(
    first_round: tuple[str, ...], rounds: int, calculator: Calculator
) -> None:
    given = saying(*first_round, RIGHT)
    given.at_once = 4
    await answered(given, calculator, samples=SAMPLES)
    assert len(given.calls) == 4 * rounds


async def test_the_first_is_the_likeliest_and_the_others_are_drawn(calculator: Calculator) -> None:
    given = saying(RIGHT, WRONG, SAME)
    await answered(given, calculator)
    assert [call.sampling.temperature for call in given.calls] == [0.0, TEMPERATURE, TEMPERATURE]


async def test_most_programs_decide(calculator: Calculator) -> None:
    given = saying(WRONG, RIGHT, SAME)
    assert (await answered(given, calculator)).endswith("**Result: 35**")


async def test_a_program_in_doubt_has_no_vote_where_another_has(calculator: Calculator) -> None:
    given = saying(SHORT, RIGHT, SHORT)
    text = await answered(given, calculator)
    assert text.endswith("**Result: 35**\n\nNot certain: only one of 3 calculations gives this.")
    assert given.checked is False


async def test_a_number_that_no_program_uses_is_idle(calculator: Calculator) -> None:
    given = saying(SHORT)
    text = await answered(given, calculator, samples=SAMPLES)
    assert len(given.calls) == 2
    assert text.endswith("**Result: 31**")


async def test_four_that_agree_are_enough_whatever_speaks_against_them(
    calculator: Calculator,
) -> None:
    given = saying(RIGHT, SHORT)
    text = await answered(given, calculator, samples=SAMPLES)
    assert len(given.calls) == 5
    assert text.endswith("**Result: 35**\n\nNot certain: only one of 5 calculations gives this.")
    assert given.checked is False


async def test_an_answer_that_rests_on_a_program_in_doubt_says_why(calculator: Calculator) -> None:
    below = "```python\nleft = 3 * 12 - 5\nbought = left + 4\nanswer = 12 - 36\n```"
    given = saying(below)
    text = await answered(given, calculator, samples=SAMPLES)
    assert len(given.calls) == 4
    assert text.endswith("Not certain: bought is not used; the result is negative.")
    assert given.warnings == [text.splitlines()[-1]]
    assert given.checked is False


async def test_where_none_agree_the_answer_says_so(calculator: Calculator) -> None:
    given = saying(RIGHT, WRONG, OTHER)
    text = await answered(given, calculator)
    assert given.checked is False
    assert "**Result: 35**" in text
    assert text.endswith("Not certain: only one of 3 calculations gives this.")


async def test_one_of_several_samples_of_a_step_is_one_program(calculator: Calculator) -> None:
    given = saying(RIGHT, SAME)
    given.sampling = Sampling(temperature=0.7)
    text = await answered(given, calculator)
    assert len(given.calls) == 1
    assert given.checked is None
    assert text.endswith("**Result: 35**")


async def test_a_program_that_cannot_be_read_does_not_count(calculator: Calculator) -> None:
    given = saying(UNREADABLE, RIGHT, SAME)
    assert (await answered(given, calculator)).endswith("**Result: 35**")


async def test_a_later_program_may_still_agree(calculator: Calculator) -> None:
    wrong = [f"```python\nanswer = 3 * 12 + {n}\n```" for n in range(6)]
    given = saying(RIGHT, *wrong, SAME)
    text = await answered(given, calculator, samples=SAMPLES)
    assert text.endswith("**Result: 35**\n\nNot certain: only 2 of 8 calculations give this.")
    assert (given.checked, given.how_checked) == (False, "2 of 8 programs agree")
    assert len(given.calls) == SAMPLES


async def test_programs_that_cannot_be_read_are_not_written_forever(
    calculator: Calculator,
) -> None:
    given = saying(UNREADABLE)
    await answered(given, calculator, samples=SAMPLES)
    assert len(given.calls) == MOST_UNREAD + 1


async def test_where_none_can_be_read_the_model_answers_in_its_words(
    calculator: Calculator,
) -> None:
    given = saying(UNREADABLE)
    text = await answered(given, calculator)
    assert len(given.calls) == 4
    assert text.endswith("not checked by computation: a calculation in lines has no For.")
    assert given.checked is False


async def test_for_several_questions_two_programs_are_written_at_most(
    calculator: Calculator,
) -> None:
    given = saying(RIGHT, SHORT, OTHER)
    task = Task(text=f"{STORY} And how much does she pay for them at 2 dollars each?")
    text = await Math(CARD, calculator=calculator).answer(task, given)
    assert len(given.calls) == 2
    assert text.endswith("Not certain: only one of 2 calculations gives this.")
