"""A program uses the numbers that the steps before found."""

from __future__ import annotations

import pytest

from metier import Card, Task
from metier.experts.expert import Result
from metier.testing import ScriptedContext
from metier_code import Code
from metier_code.using import given_in

CARD = Card(id="code", description="code", models=("small",), stream="checked")
ASKED = "Then write tins(litres) in Python: the smallest whole number of these tins."
BEFORE = "How many ml does a tin of 7.2 by 11.1 cm hold?"


def task(*values: str, text: str = ASKED, before: str = BEFORE, by: str = "math") -> Task:
    named = dict(zip(("answer", "mean", "sd"), values, strict=False))
    found = Result(step_id="1", expert=by, task=before, text="", values=named)
    return Task(text=text, inputs=(found,))


def lines(asked: Task) -> str:
    given = given_in(asked, besides="code")
    return "\n".join(each.line for each in given.numbers) if given else ""


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("143883*pi/1000 ≈ 452.0218 ml", "GIVEN = 452.0218  # ml"),
        ("302400 seconds", "GIVEN = 302400  # seconds"),
        ("$1,234.50", "GIVEN = 1234.5"),
        ("1,85 m", "GIVEN = 1.85  # m"),
        ("x = 13", "GIVEN = 13"),
        ("-40 °C", "GIVEN = -40  # °C"),
        ("1/3 ≈ 0.3333", "GIVEN = 0.3333"),
        ("1200/7 ≈ 171.429 kg", "GIVEN = 171.429  # kg"),
        ("0.125 kg", "GIVEN = 0.125  # kg"),
        # Which of them is meant is not known.
        ("59*509", ""),
        ("3 and 4", ""),
        ("x = 2 or x = 3", ""),
        ("1.5e10", ""),
        ("2025-11-12", ""),
        ("18:15", ""),
        ("1,234,56 EUR", ""),
        ("1.200 kg", ""),
        ("no number", ""),
    ],
)
def test_a_program_is_to_begin_with_the_number_of_the_step_before(value: str, line: str) -> None:
    assert lines(task(value)) == line


def test_a_list_of_numbers_in_the_question_before_is_passed_over() -> None:
    asked = task("876.67", before="What is the mean of 1200,450,980?")
    assert lines(asked) == "GIVEN = 876.67"


def test_several_numbers_keep_the_names_that_they_were_given() -> None:
    assert lines(task("2.5", "21", "3.1 g")) == "ANSWER = 2.5\nMEAN = 21\nSD = 3.1  # g"


@pytest.mark.parametrize(
    "asked",
    [
        task("452 ml", text="a function that gives it for any tin"),
        task("28.4", before="BMI of 88 kg at 1.76 m?", text="a function bmi(kg, m) for it"),
        task("3", by="code", text="now write tests"),
        Task(text=ASKED),
    ],
)
def test_a_program_for_other_values_or_after_another_program_is_given_none(asked: Task) -> None:
    assert given_in(asked, besides="code") is None


@pytest.mark.parametrize(
    ("code", "is_used"),
    [
        ("def tins(x):\n    return x // GIVEN", True),
        ("GIVEN = 452.0218\ndef tins(x):\n    return x // GIVEN", True),
        ("def tins(x):\n    return x // 452", True),
        # Worked out from what was asked before, it is not left out.
        ("def tins(x):\n    return x // (3.1416 * (7.2 / 2) ** 2 * 11.1)", True),
        ("def tins(x):\n    return x // 4.52", False),
        ("def tins(x):  # of 452 ml\n    return x // 4.52", False),
        ("GIVEN = 4.52\ndef tins(x):\n    return x // GIVEN", False),
        ('"""Of 452.02 ml."""\ndef tins(x):\n    return x // 4.52', False),
        ("def tins(x, GIVEN):\n    return x // GIVEN", False),
        ("from tins import ml as GIVEN\nx = GIVEN", False),
    ],
)
def test_a_number_is_used_where_the_program_itself_has_it(code: str, is_used: bool) -> None:
    given = given_in(task("452.0218 ml"), besides="code")
    assert given is not None
    assert given.is_used(code) is is_used


@pytest.mark.parametrize(
    ("code", "is_used"),
    [
        ("def over(n):\n    return n > GIVEN", True),
        ("GIVEN = 1\ndef over(n):\n    return n > GIVEN", True),
        ("def over(n):\n    return n > 1", True),
        ("def over(n):\n    return n + 1 > 3", False),
        ("def over(n):\n    return True", False),
    ],
)
def test_a_one_counts_only_if_it_is_compared_with_or_has_the_name(code: str, is_used: bool) -> None:
    given = given_in(task("1"), besides="code")
    assert given is not None
    assert given.is_used(code) is is_used


def test_a_share_may_be_written_as_a_decimal() -> None:
    given = given_in(task("8.19", before="What is 18% of 45.50?"), besides="code")
    assert given is not None
    assert given.is_used("def ok(paid):\n    return paid >= 0.18 * 45.5")


def program(size: str) -> str:
    return f"```python\nimport math\ndef tins(litres):\n    return math.ceil(litres / {size})\n```"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("replies", "shown", "is_noted"),
    [
        ([program("(452 / 1000)")], "(452 / 1000)", False),
        ([program("4.52"), program("(452 / 1000)")], "(452 / 1000)", False),
        # Neither words nor silence nor the same again are better than a program.
        ([program("4.52"), program("4.52")], "4.52", True),
        ([program("4.52"), "Use 452."], "4.52", True),
        ([program("4.52"), ""], "4.52", True),
    ],
)
async def test_a_program_that_leaves_the_number_out_is_written_once_more_or_the_answer_says_so(
    replies: list[str], shown: str, is_noted: bool
) -> None:
    context = ScriptedContext([*replies])
    text = await Code(CARD).answer(task("452.0218 ml"), context)
    assert f"litres / {shown})" in text
    assert len(context.calls) == len(replies)
    assert all("GIVEN = 452.0218  # ml" in call.messages[-1].content for call in context.calls)
    noted = "Note: this code does not use the earlier result, 452.0218 ml."
    assert text.endswith(noted) is is_noted
    assert (context.checked is False) is is_noted
    assert (noted in context.warnings) is is_noted


@pytest.mark.anyio
async def test_a_program_that_uses_the_name_gets_its_line() -> None:
    context = ScriptedContext([program("(GIVEN / 1000)")])
    text = await Code(CARD).answer(task("452.0218 ml"), context)
    assert text.startswith("```python\nGIVEN = 452.0218  # ml\nimport math\n")
    assert "Run: it ends without an error." in text


@pytest.mark.parametrize(
    ("code", "begins"),
    [
        ("x = GIVEN", "GIVEN = 452\nx"),
        (
            "from __future__ import annotations\nx = GIVEN",
            "from __future__ import annotations\nGIVEN",
        ),
        ('"""A."""\nfrom __future__ import (\n    annotations,\n)\nx = GIVEN', '"""A."""\nfrom'),
    ],
)
@pytest.mark.parametrize("language", ["python", "Python", "PY"])
def test_the_line_comes_where_a_program_may_define_something(
    code: str, begins: str, language: str
) -> None:
    given = given_in(task("452"), besides="code")
    assert given is not None
    text = given.defined(f"Here:\n```{language}\n{code}\n```\n", code)
    program = text.partition(f"```{language}\n")[2].partition("\n```")[0]
    assert program.startswith(begins)
    scope: dict[str, object] = {}
    exec(compile(program, "program", "exec"), scope)
    assert scope["x"] == 452
