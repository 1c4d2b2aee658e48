"""Programs that do the same are one answer, however they are written."""

from __future__ import annotations

import pytest
from hostile import processor_time

from metier.grading import AnswerKind, Code, Label, Number, Text
from metier.sandbox import Sandboxes
from metier.strategies.ballots.behaviour import behaviours
from metier.strategies.ballots.comparing import grouped, kind_of, shown

pytestmark = pytest.mark.anyio


def program(code: str) -> str:
    return f"Here it is:\n```python\n{code}\n```\nIt works."


LOOP = program(
    "def double_all(numbers: list) -> list:\n"
    "    out = []\n"
    "    for n in numbers:\n"
    "        out.append(n * 2)\n"
    "    return out"
)
SHORT = program("def double_all(xs: list) -> list:\n    return [x + x for x in xs]")
WRONG = program("def double_all(xs: list) -> list:\n    return [x * x for x in xs]")
ENDLESS = program("def double_all(xs: list) -> list:\n    while True:\n        pass")
QUESTION = "Write double_all(numbers) that doubles each, e.g. double_all([1, 2]) == [2, 4]."


async def groups(*texts: str, question: str = QUESTION) -> list[int | None]:
    return await grouped(texts, Code(), question, Sandboxes())


async def test_programs_are_the_same_by_what_they_do() -> None:
    assert await groups(LOOP, SHORT, WRONG) == [0, 0, 2]


async def test_a_program_that_never_ends_answers_nothing() -> None:
    assert await groups(ENDLESS, LOOP, SHORT) == [None, 1, 1]


async def test_a_text_without_a_program_answers_nothing() -> None:
    assert await groups("I cannot.", LOOP) == [None, 1]


async def test_inputs_are_made_where_the_question_has_none() -> None:
    add = program("def add(a: int, b: int) -> int:\n    return a + b")
    plus = program("def add(x: int, y: int) -> int:\n    return y + x")
    minus = program("def add(a: int, b: int) -> int:\n    return a - b")
    assert await groups(add, minus, plus, question="Add two numbers.") == [0, 1, 0]


async def test_programs_without_a_function_are_compared_as_written() -> None:
    assert await groups(program("x = 1"), program("x  =  1  # one"), program("x = 2")) == [0, 0, 2]


async def test_an_annotation_of_any_depth_is_no_error() -> None:
    deep = program("def add(a: 0" + " - 1" * 1200 + ", b: int):\n    return a + b")
    plus = program("def add(x: int, y: int) -> int:\n    return y + x")
    assert await groups(deep, plus, question="Add two numbers.") == [0, 0]


async def test_a_call_in_the_question_that_is_no_literal_is_not_run() -> None:
    question = "Use double_all(__import__('os').listdir('/')) or double_all([5])."
    (told,) = await behaviours([LOOP], question, Sandboxes()) or [None]
    assert told is not None
    assert "[10]" in told
    assert "bin" not in told


@pytest.mark.parametrize(
    ("question", "output", "texts", "kind"),
    [
        ("Which?\nA) iron\nB) wood", "text", ["whatever"], Label),
        ("How many are left?", "text", ["There are 7 left.", "Answer: 8"], Number),
        ("What is it?", "number", ["Answer: 8"], Number),
        ("What is it?", "quantity", ["Answer: 8"], Number),
        ("What is 3 ÷ 4?", "text", ["It is 0.75 of it, as far as anybody knows today."], Number),
        ("Write add", "code", [SHORT, LOOP], Code),
        # Half of them is not enough.
        ("How many are left?", "text", ["There are 7 left.", f"Nobody knows {'it ' * 20}"], None),
        ("Who wrote it?", "text", ["Answer: Jane Austen", "**Jane Austen**"], Text),
        (
            "How many stars are there?",
            "text",
            ["It depends on many things, and nobody can really say."] * 2,
            None,
        ),
        ("Tell me a story", "text", ["Once upon a time there was a very old king."], None),
    ],
)
def test_what_kind_of_answer_is_wanted(
    question: str, output: str, texts: list[str], kind: type | None
) -> None:
    found = kind_of(question, output, texts)
    assert (None if found is None else type(found)) is kind


async def test_calls_that_cannot_be_evaluated_are_passed_over() -> None:
    question = f"{QUESTION} Not double_all({{[]: 1}}) or {'double_all(1, ' * 20_000}."
    with processor_time(10):
        assert await groups(LOOP, SHORT, question=question) == [0, 0]


async def test_an_annotation_that_cannot_be_shown_says_nothing() -> None:
    first = program(f"def double_all(xs: 0x{'f' * 5_000}) -> list:\n    return [x + x for x in xs]")
    assert await groups(first, LOOP) == [0, 0]


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("Two\n  lines", None, "Two lines"),
        ("", None, ""),
        ("I do not know.", Number(), ""),
        ("So it is\nAnswer: 8", Number(), "8"),
        ("x" * 60, None, "x" * 60),
        ("x" * 61, None, "x" * 59 + "…"),
    ],
)
def test_an_answer_is_shown_in_one_short_line(
    text: str, kind: AnswerKind | None, line: str
) -> None:
    assert shown(text, kind) == line


async def test_the_calls_of_the_question_come_first() -> None:
    question = "Use double_all(numbers), double_all([5]) or double_all([(1, 2)])."
    (told,) = await behaviours([LOOP], question, Sandboxes()) or [None]
    assert told is not None
    assert told.index("[10]") < told.index("(1, 2, 1, 2)")


@pytest.mark.parametrize(
    ("kind", "one", "same", "other"),
    [
        ("list[str]", "''.join(x)", "str().join(x)", "''.join(sorted(x))"),
        ("list[float]", "[n * 2 for n in x]", "[n + n for n in x]", "[int(n) * 2 for n in x]"),
        ("list", "sorted(x)", "sorted(list(x))", "x"),
        ("dict", "sorted(x.items())", "[(k, x[k]) for k in sorted(x)]", "sorted(x)"),
        ("set", "sorted(x | {9})", "sorted({9, *x})", "sorted(x)"),
        ("tuple", "x[::-1]", "tuple(reversed(x))", "x"),
        ("str", "x.upper()", "''.join(c.upper() for c in x)", "x.title()"),
        ("float", "x * 2", "x + x", "int(x) * 2"),
        ("bool", "not x", "x is False", "x"),
        ("int", "-x", "0 - x", "-abs(x)"),
        ("object", "str(x)", "f'{x}'", "repr(x)"),
    ],
)
async def test_inputs_are_of_the_kind_that_a_program_takes(
    kind: str, one: str, same: str, other: str
) -> None:
    texts = [program(f"def work(x: {kind}):\n    return {each}") for each in (one, same, other)]
    assert await groups(*texts, question="Write it.") == [0, 0, 2]


async def test_arguments_with_a_default_are_left_to_it() -> None:
    texts = [
        program(f"def work(a: int, b: int, c: int = 1):\n    return {each}")
        for each in ("a - b + c", "c + a - b", "a - b", "b - a + c")
    ]
    assert await groups(*texts, question="Write it.") == [0, 0, 2, 3]
    nothing = [program(f"def work():\n    return {each}") for each in ("3", "1 + 2", "4")]
    assert await groups(*nothing, question="Write it.") == [0, 0, 2]


async def test_programs_are_compared_by_the_function_that_most_define() -> None:
    helped = program("def half(x: int):\n    return x / 2\n\ndef work(x: int):\n    return half(x)")
    alone = program("def work(x: int):\n    return x / 2")
    assert await groups(helped, alone, question="Write it.") == [0, 0]
    other = program("def run(x: int):\n    return x / 2")
    assert await groups(other, helped, alone, question="Write it.") == [None, 1, 1]
    # Of equally many it is the last, since helpers come first.
    again = program("def half(x: int):\n    return x\n\ndef work(x: int):\n    return x / 2")
    assert await groups(helped, again, question="Write it.") == [0, 0]


async def test_errors_are_behaviour_only_beside_a_result() -> None:
    same = [program(f"def work(x: int):\n    return 6 / {each}") for each in ("x", "(x + 0)")]
    assert await groups(*same, question="Write it.") == [0, 0]
    fails = [program(f"def work(x: int):\n    return {each}()") for each in ("y", "z")]
    assert await groups(*fails, question="Write it.") == [0, 1]
