"""A program uses the number that the step before found."""

from __future__ import annotations

import pytest

from metier import Card, Task
from metier.experts.expert import Result
from metier.testing import ScriptedContext
from metier_code import Code
from metier_code.using import unused_number

CARD = Card(id="code", description="code", models=("small",), stream="checked")
ASKED = "Then write tins(litres) in Python: the smallest whole number of these tins."
OWN = "```python\nimport math\ndef tins(litres):\n    return math.ceil(litres / 4.52)\n```"
GIVEN = (
    "```python\nimport math\ndef tins(litres):\n    return math.ceil(litres / (452 / 1000))\n```"
)


def task(value: str, text: str = ASKED) -> Task:
    found = Result(step_id="1", expert="math", task="volume?", text=value, values={"v": value})
    return Task(text=text, inputs=(found,))


@pytest.mark.parametrize(
    ("value", "code", "unused"),
    [
        ("143883*pi/1000 ≈ 452.0218 ml", "x = 4.52", "452.0218"),
        ("143883*pi/1000 ≈ 452.0218 ml", "x = 452", ""),
        ("302400 seconds", "x = 302_400", ""),
        ("$1,234.50", "x = 1234.5", ""),
        ("$1,234.50", "x = 12345", "1234.50"),
        # Which of them is meant is not known.
        ("59*509", "x = 2", ""),
        ("3 and 4", "x = 2", ""),
        ("no number", "x = 2", ""),
    ],
)
def test_the_number_of_the_step_before_has_to_stand_in_the_program(
    value: str, code: str, unused: str
) -> None:
    assert unused_number(task(value), code) == unused


def test_a_function_for_any_value_and_a_step_without_earlier_ones_need_none() -> None:
    assert unused_number(task("452 ml", "a function that gives it for any tin"), "x = 2") == ""
    assert unused_number(Task(text=ASKED), "x = 2") == ""


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("replies", "calls", "shown"),
    [
        ((GIVEN,), 1, "452"),
        ((OWN, GIVEN), 2, "452"),
        ((OWN, OWN), 2, "4.52"),
        # Neither words nor silence are better than a program.
        ((OWN, "Use 452."), 2, "4.52"),
        ((OWN, ""), 2, "4.52"),
    ],
)
async def test_a_program_that_leaves_the_number_out_is_written_once_more(
    replies: tuple[str, ...], calls: int, shown: str
) -> None:
    context = ScriptedContext([*replies])
    text = await Code(CARD).answer(task("452.0218 ml"), context)
    assert f"litres / {shown}" in text.replace("(452", "452")
    assert len(context.calls) == calls
    assert ("452.0218" in context.calls[-1].messages[-1].content.split("\n\n")[-1]) == (calls > 1)
