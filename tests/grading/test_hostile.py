"""No text keeps a judge busy: what reads answers takes time in proportion to their length."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hostile import processor_time, repeated

from metier.grading import Code, Label, Number, Text, extracted, same

LENGTH = 200_000
# Ten times what it takes; a quadratic reader takes minutes.
LIMIT_S = 8.0
OPTIONS = Label(options=("iron", "zinc", "tin oxide", "lead"))


def number(text: str) -> object:
    return extracted(text, Number(unit="mg"))


def label(text: str) -> object:
    return extracted(text, OPTIONS)


def word(text: str) -> object:
    return extracted(text, Text())


def program(text: str) -> object:
    return extracted(text, Code())


@pytest.mark.parametrize(
    ("read", "piece"),
    [
        (number, "`"),
        (number, "```a"),
        (number, "**a "),
        (number, "final "),
        (number, "the answer is "),
        (number, "\\boxed{"),
        (number, "\\boxed{1}"),
        (number, "_"),
        (number, "^ {"),
        (number, "5" + " " * 20_000),
        (word, "."),
        (label, "the answer is "),
        (program, "`"),
        (program, "```" + " " * 20_000),
    ],
)
def test_an_answer_is_read_in_linear_time(read: Callable[[str], object], piece: str) -> None:
    text = repeated(piece, LENGTH)
    with processor_time(LIMIT_S):
        read(text)
        read(f"$ {text}\0")
        read(f"The answer is {text}: 7")


@pytest.mark.parametrize("number", ["0x" + "f" * 5_000, "+".join("1" * 2_000)])
def test_programs_that_cannot_be_shown_are_compared_as_they_are_written(number: str) -> None:
    code = f"```python\nx = {number}\n```"
    assert same(code, code, Code())


def test_a_program_of_a_megabyte_is_not_read() -> None:
    assert extracted(f"```python\n{repeated('x = 1' + chr(10))}```", Code()) is None
