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
        ("a = sp.Rational(1, 3) + Fraction(2, 4)", ("a", "1 / 3 + 2 / 4")),
        ('a = 2\nprint(a * 3, "apples")', ("answer", "a * 3")),
        ('def f():\n    a = 2\n    return f"It is {a * 3}"', ("answer", "a * 3")),
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
        "a = " + "1 + " * 1200 + "1",
        "a = " + "-" * 1200 + "1",
        "def f(x):\n    return x" + " + 1" * 1200 + "\nprint(f(2))",
        "(" * 500,
    ],
)
def test_what_is_no_straight_calculation_is_refused(code: str) -> None:
    with pytest.raises(InvalidInput):
        worked(code)


ONIONS = """\
def cost(bags, weight, price=1.5):
    pounds = bags * weight
    return pounds * price
"""
TESTED = """\
def beads():
    total = 20 + 30
    return total

def check():
    assert beads() == 60, "The total should be 60."
    print("All is well.")

"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            f"{ONIONS}\nprint(cost(4, weight=50))",
            [
                ("bags", "4"),
                ("weight", "50"),
                ("price", "1.5"),
                ("pounds", "bags * weight"),
                ("answer", "pounds * price"),
            ],
        ),
        (
            f"{ONIONS}\nbags = 4\npounds = 50\nspent = cost(bags, pounds, 2)",
            [
                ("bags", "4"),
                ("pounds", "50"),
                ("weight", "pounds"),
                ("price", "2"),
                ("pounds_2", "bags * weight"),
                ("spent", "pounds_2 * price"),
            ],
        ),
        (f"{TESTED}check()", [("total", "20 + 30")]),
        (f"{TESTED}if __name__ == '__main__':\n    check()", [("total", "20 + 30")]),
        (
            "def half(n):\n    return n / 2\n\ndef main():\n    print(half(8) + half(6))\n\nmain()",
            [("n", "8"), ("n_2", "6"), ("answer", "n / 2 + n_2 / 2")],
        ),
        (
            "def add(a, b):\n    return a - b\na = 1\nb = 2\nprint(add(b, a))",
            [("a", "1"), ("b", "2"), ("a_2", "b"), ("b_2", "a"), ("answer", "a_2 - b_2")],
        ),
    ],
)
def test_a_call_stands_for_the_lines_of_its_function(
    code: str, expected: list[tuple[str, str]]
) -> None:
    assert steps(code) == expected


@pytest.mark.parametrize(
    "code",
    [
        "def f(n):\n    return f(n - 1)\nprint(f(3))",
        "def f():\n    return g()\ndef g():\n    return f()\nprint(f())",
        "\n".join(["def f(n):\n    return n", *["print(f(1))"] * 30]),
        "def f(n):\n    return n\nprint(f())",
        "def f(n):\n    return n\nprint(f(1, 2))",
        "def f(n):\n    return n\nprint(f(1, m=2))",
        "def f(*n):\n    return 1\nprint(f(1))",
        "def f():\n    a = 1\nprint(f() + 1)",
        "def f(n):\n    if n:\n        return 1\n    return 2\nprint(f(1))",
    ],
)
def test_a_call_that_is_no_calculation_in_lines_is_refused(code: str) -> None:
    with pytest.raises(InvalidInput):
        worked(code)


@given(a=st.integers(1, 99), b=st.integers(1, 99), name=st.sampled_from(["a", "b", "n", "total"]))
@pytest.mark.anyio
async def test_calls_give_what_python_gives(
    a: int, b: int, name: str, calculator: Calculator
) -> None:
    code = f"""\
def less({name}, other):
    total = {name} * 2
    {name} = total - other
    return {name}

a = {a}
b = {b}
total = less(b, a) - less(a, other=b)
print(total * a - less(total, b))
"""
    shown: list[int] = []
    exec(code, {"print": shown.append})
    results = await calculator.run(worked(code).program)
    assert results[-1].text == str(shown[-1])


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
