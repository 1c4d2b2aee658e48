"""What a step is given of the conversation before it."""

from __future__ import annotations

import pytest

from metier.engine.inputs import last_answer
from metier.plan import Message

BMI = "height = 1.75\nanswer = 80/height^2 = 26.1224\n\n**Result: 26.1224 kg/m^2**"


def said(asked: str, answer: str) -> list[Message]:
    return [Message(role="user", content=asked), Message(role="assistant", content=answer)]


@pytest.mark.parametrize(
    ("asked", "answer", "task", "value"),
    [
        ("BMI for 80 kg and 1.75 m?", BMI, "Is that a healthy value for a man?", "26.1224 kg/m^2"),
        ("10 stone in kg", "10 stone ≈ 63.5 kg\n\n**Result: ≈ 63.5 kg**", "and in lb?", "63.5 kg"),
        ("And my BMI?", "Your BMI is 26.1.", "too high?", "26.1"),
        ("10 stone in kg", "1 or 2?\r\n**Result: 63.5 kg**\r\nIt is so.", "and in lb?", "63.5 kg"),
        ("My BMI, and the dose?", f"{BMI}\n\n**Result: 400 mg**", "and in pounds?", None),
        ("And my BMI?", "Your BMI is 26.1.", "What are the first signs of a flu?", None),
        ("And my BMI?", "It depends on your weight.", "too high?", None),
        ("And my BMI?", "Between 20 and 26.", "too high?", None),
        ("A function?", "```python\nx = 1\n```\n\nRun: 3 of 3 passed.", "Is it fast?", None),
    ],
)
def test_the_last_answer_is_given_if_it_states_a_value_and_may_be_referred_to(
    asked: str, answer: str, task: str, value: str | None
) -> None:
    found = last_answer(task, said(asked, answer))
    assert (found.values if found else None) == (value and {"answer": value})


def test_only_the_answer_right_before_the_question_counts() -> None:
    earlier = said("And my BMI?", "Your BMI is 26.1.")
    assert last_answer("too high?", [*earlier, Message(role="user", content="Hm.")]) is None
    assert last_answer("too high?", []) is None
