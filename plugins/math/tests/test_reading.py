"""Lines of Python that a model wrote: read as a calculation, never run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import InvalidInput
from metier_math.calculator import Calculator
from metier_math.program import MAX_READ_STEPS
from metier_math.reading import worked

COMMENTED = """\
```python
def solution():
    # Mia is 40 years old.
    mia_age = 40

    # Emma is 16 years younger,
    # so hers is the smaller number.
    emma_age = mia_age - 16
    average = (mia_age + emma_age) / 2  # of the two
    return average

print(solution())
```
It prints 32.
"""


def steps(reply: str) -> list[tuple[str, str]]:
    return [(step.name, step.expression) for step in worked(reply).program.steps]


def test_a_function_of_assignments_is_a_calculation() -> None:
    assert steps(COMMENTED) == [
        ("mia_age", "40"),
        ("emma_age", "mia_age - 16"),
        ("average", "(mia_age + emma_age) / 2"),
    ]


def test_each_step_keeps_what_it_follows_from() -> None:
    assert worked(COMMENTED).notes == (
        "Mia is 40 years old.",
        "Emma is 16 years younger, so hers is the smaller number.",
        "of the two",
    )


@pytest.mark.parametrize(
    ("code", "last"),
    [
        ("a = 2\nprint(a * 3)", ("answer", "a * 3")),
        ('a = 2\nprint("It is", a)', ("a", "2")),
        ('a = 2\nb = 3\nprint(f"It is {a + b} euros")', ("answer", "a + b")),
        ("a = 2\na += 3", ("a", "a + 3")),
        ("a, b = 2, 3", ("b", "3")),
        ("a: int = 2", ("a", "2")),
        ("import math\na = math.ceil(7 / 2)", ("a", "ceil(7 / 2)")),
        ("a = int(7 / 2)", ("a", "sign(7 / 2) * floor(abs(7 / 2))")),
        ('a = Decimal("0.5") * float(3)', ("a", "0.5 * 3")),
        ("a = sum([1, 2]) / len([1, 2])", ("a", "sum([1, 2]) / 2")),
        ("Total = 2\nreturn Total", ("total", "2")),
        ("a = 2 ** 3\nreturn a\nb = 5", ("a", "2 ** 3")),
    ],
)
def test_what_python_calls_otherwise_is_read(code: str, last: tuple[str, str]) -> None:
    assert steps(code)[-1] == last


@pytest.mark.parametrize(
    "code",
    [
        "",
        "It is 7.",
        "for x in range(3):\n    a = x",
        "while True:\n    a = 1",
        "if a:\n    b = 2",
        "def solution(n):\n    return n",
        "a.b = 2",
        "del a",
        "print()",
        "assert True",
        "\n".join(f"a{n} = {n}" for n in range(MAX_READ_STEPS + 1)),
        "a = " + "1 + " * 3000 + "1",
        "(" * 500,
    ],
)
def test_what_is_no_straight_calculation_is_refused(code: str) -> None:
    with pytest.raises(InvalidInput):
        worked(code)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "code",
    [
        '__import__("os").system("touch /tmp/pwned")',
        'a = __import__("os").system("true")',
        'a = open("/etc/passwd").read()',
        "a = ().__class__.__bases__[0]",
        "a = [x for x in (1, 2)]",
        'a = eval("1 + 1")',
        "a = (lambda: 1)()",
        "a = 9 ** 9 ** 9",
    ],
)
async def test_nothing_of_it_is_run(code: str, calculator: Calculator) -> None:
    with pytest.raises(InvalidInput):
        await calculator.run(worked(code).program)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = worked(text)
    except InvalidInput:
        return
    assert len(found.notes) == len(found.program.steps) > 0
