"""No text makes the process that computes live on, or grow: each ends in a result or an error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.errors import DeadlineExceeded, InvalidInput
from metier_math.calculator import Calculator
from metier_math.functions import FUNCTIONS
from metier_math.program import Assignment, Operation, Program

DEADLINE_S = 2.0
SLACK_S = 8.0  # killing and replacing a process, on a machine that does something else
MEMORY_BYTES = 1 << 30

NUMBERS = st.sampled_from(
    [
        "0",
        "1",
        "-1",
        "2",
        "0.5",
        "1/3",
        "7",
        "10^9",
        "9^99",
        "10^300",
        "10^5000",
        "1e300",
        "9**9**9",
    ]
)
NAMES = st.sampled_from(["x", "y", "pi", "e", "i", "oo", "mg", "°C", "%"])
OPERATORS = st.sampled_from(
    [" + ", " - ", "*", "/", "^", "**", " mod ", "//", " ", " = ", " < ", ","]
)


def called(parts: tuple[str, list[str]]) -> str:
    name, arguments = parts
    return f"{name}({', '.join(arguments)})"


def listed(parts: list[str]) -> str:
    return f"[{', '.join(parts)}]"


TEXTS = st.recursive(
    NUMBERS | NAMES | st.text(max_size=8),
    lambda part: (
        st.tuples(part, OPERATORS, part).map("".join)
        | part.map("({})".format)
        | part.map("{}!".format)
        | part.map("|{}|".format)
        | st.lists(part, max_size=4).map(listed)
        | st.tuples(st.sampled_from(sorted(FUNCTIONS)), st.lists(part, max_size=3)).map(called)
    ),
    max_leaves=8,
)
PROGRAMS = st.builds(
    Program,
    operation=st.sampled_from(get_args(Operation)),
    steps=st.lists(st.builds(Assignment, expression=TEXTS), min_size=1, max_size=3).map(tuple),
    variable=st.sampled_from(["", "x", "x, y", "x, x"]),
    to=st.sampled_from(["", "0", "oo", "0, 1", "-1, oo", "0, 20"]),
    unit=st.sampled_from(["", "mg", "mL", "°F", "$"]),
)


@pytest.fixture(scope="module")
async def hurried(anyio_backend: str) -> AsyncIterator[Calculator]:
    opened = Calculator(deadline_s=DEADLINE_S, memory_bytes=MEMORY_BYTES)
    yield opened
    await opened.aclose()


@pytest.fixture(scope="module")
async def patient(anyio_backend: str) -> AsyncIterator[Calculator]:
    """It stops nothing: what ends has been refused."""
    opened = Calculator(deadline_s=60, memory_bytes=MEMORY_BYTES)
    yield opened
    await opened.aclose()


async def outcome(
    calculator: Calculator, program: Program, *, within_s: float = DEADLINE_S + SLACK_S
) -> str:
    """The result or the error's message; the test fails where there is none in time."""
    with anyio.fail_after(within_s):
        try:
            return (await calculator.run(program))[-1].text
        except (InvalidInput, DeadlineExceeded) as exc:
            return exc.message


def peak_bytes(pid: int) -> int:
    """The most address space that a process has had; 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("VmPeak:"))


@pytest.mark.anyio
@settings(max_examples=60)
@given(program=PROGRAMS)
async def test_whatever_is_written_ends_in_a_result_or_an_error(
    hurried: Calculator, program: Program
) -> None:
    assert await outcome(hurried, program)
    assert all(peak_bytes(pid) <= MEMORY_BYTES for pid in hurried.pids)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("operation", "text", "reason"),
    [
        ("evaluate", "9**9**9", "too large"),
        ("evaluate", "factorial(10**9)", "too large"),
        ("evaluate", "exp(exp(exp(exp(9))))", "too large"),
        ("evaluate", "sinh(10^5000)", "too large"),
        ("evaluate", "sqrt(10^9998 + 1)", "500 digits"),
        ("evaluate", "(" * 100_000 + "1" + ")" * 100_000, "500 characters"),
        ("evaluate", "(" * 240 + "1" + ")" * 240, "not an expression"),
        ("evaluate", "1+" * 500_000 + "1", "500 characters"),
        ("evaluate", "fibonacci(10^18)", "too large"),
        ("evaluate", "factorint(10^199 + 7)", "takes too long to be factored"),
        ("evaluate", "nextprime(10^9999)", "300 digits"),
        ("evaluate", "binomial_cdf(10^9, 10^10, 0.5)", "too long"),
        ("convert", "1 " * 200, "not an expression"),
        ("convert", "5 m**9**9**9", "too large"),
        ("solve", "x^1000000 = 2", "degree above 100"),
        ("solve", "x^(10^20) < 2", "degree above 20"),
        ("solve", "x = 1, " * 100_000, "2000 characters"),
        ("solve", "(x + 1)^99 * (x + 2)^99 = 0", "degree above 100"),
        ("simplify", "(x + 1)^100000", "degree above 300"),
        ("factor", "x^1000000 - 1", "degree above 300"),
        ("expand", "(x + y + z + w)^200", "too many terms"),
        ("series", "sin(x)^1000000", "degree above 300"),
        ("integrate", "(x + 1)^1000000", "degree above 300"),
        ("limit", "x^(10^20)", "degree above 300"),
        ("differentiate", "x^9^9^9", "too large"),
        ("statistics", "1, " * 500_000, "100000 characters"),
    ],
)
async def test_what_would_take_for_ever_is_refused_before_it_begins(
    patient: Calculator, operation: Operation, text: str, reason: str
) -> None:
    program = Program(operation=operation, steps=(Assignment(expression=text),), unit="m")
    assert reason in await outcome(patient, program, within_s=30)
