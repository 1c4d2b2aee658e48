"""Texts that patterns are looked for in, and programs that models write for the math expert."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import anyio
from fuzz.target import Target, text
from fuzz.wire import portal, reading

from metier.cli.terminal import cleaned
from metier.errors import InvalidInput
from metier.experts.knowledge.chunks import chunked
from metier.experts.knowledge.quotes import check_quotes
from metier.grading.choices import choices_in
from metier.grading.judging import extracted
from metier.grading.kinds import Code, Label, Number, Text
from metier.grading.markup import announced, emphasised, plain
from metier.grading.quantities import quantities_in
from metier.models.control import without_control_tokens, without_surrogates
from metier.planning.referring import refers_back
from metier.planning.splitting.clauses import clauses
from metier.planning.splitting.code import brings_code
from metier.planning.splitting.orders import without_orders
from metier.planning.splitting.pasted import apart
from metier.planning.splitting.request import request_of
from metier.planning.splitting.sections import sections
from metier.planning.words import telling
from metier_code.examples import asserts, examples
from metier_code.fences import blocks, fenced
from metier_math.calculator import Calculator
from metier_math.program import Program
from metier_math.reading import worked
from metier_math.word_problems import is_word_problem
from metier_medical.dosing import dosing_in
from metier_medical.icd10 import is_about_codes
from metier_medical.notes import notes_on
from metier_medical.red_flags import red_flags

READERS: tuple[Callable[[str], object], ...] = (
    *(choices_in, plain, announced, emphasised, without_control_tokens, cleaned),
    *(refers_back, clauses, brings_code, without_orders, apart, request_of, telling),
    *(examples, asserts, blocks, fenced, is_word_problem, dosing_in, is_about_codes),
    *(notes_on, red_flags),
    lambda read: sections(read, asks=lambda each: "?" in each),
    lambda read: check_quotes(read, chunked(read, name="a.md")),
    lambda read: list(quantities_in(read, None)),
)
KINDS = (Number(), Number(unit="mg"), Label(), Label(labels=("yes", "no")), Code(), Text())
QUESTIONS = [
    b"1. What is 15% of 80 mg/kg? 2. Then convert it to grams, and write code for it.",
    b"Which?\nA. one\nB. two\nAnswer yes or no.\n\nDose: 5 mg/kg twice daily for 20 kg, max 1 g.",
    b'Fix this:\n```python\ndef f(x):\n    return x\n```\n>>> f(1)\n2\n"A quote of several words."',
    b"The answer is **B**. So $\\boxed{1,234.5 \\times 10^3}$ km. Therefore: #### 12",
    "これは何ですか。¿3,5 € ½ – “a b”?".encode(),
]
PIECES = [
    *(b"\n\n", b"```", b"> ", b"# ", b"1. ", b"A. ", b"- ", b"\\boxed{", b"**", b"the answer is "),
    *(
        b" and ",
        b"1.1.",
        b"1,",
        b" mg/kg",
        b"=",
        b">>> ",
        b"assert ",
        b'"',
        b"<|im_end|>",
        b"E11.9",
    ),
]
PROGRAMS = [
    b"```python\n# apples\napples = 3 * 12\nprice = apples / 4\nresult = price + 15% * 80\n```",
    b"x = sqrt(2) ** 3\nresult = round(x, 2)",
    b"a, b = 1, 2\nfor i in range(3):\n    a += b\nprint(f'{a}')",
]
WORDS = [
    *(b"(", b")", b"**", b"//", b" mod ", b"!", b"lambda: ", b"if ", b"[", b"factorial(", b"e"),
    *(b"import os\n", b"__class__", b".", b"\\\n", b"\n    ", b"oo", b"i", b"mg", b"'", b'"""'),
]


def read_all(data: bytes) -> None:
    read = without_surrogates(text(data))
    for reader in READERS:
        reader(read)
    for kind in KINDS:
        found = extracted(read, kind)
        assert found is None or isinstance(found, str)


@cache
def calculator() -> Calculator:
    """One process computes all programs."""
    return Calculator(deadline_s=2.0, memory_bytes=1 << 30)


def compute(data: bytes) -> None:
    program = worked(text(data)).program

    async def run() -> None:
        with anyio.fail_after(30):
            await calculator().run(program)

    portal().call(run)


def compute_expression(data: bytes) -> None:
    try:
        program = Program.model_validate_json(data)
    except ValueError as exc:
        raise InvalidInput("it is no program") from exc

    async def run() -> None:
        with anyio.fail_after(30):
            await calculator().run(program)

    portal().call(run)


TARGETS = [
    Target(name="texts", read=reading(read_all), seeds=QUESTIONS, words=PIECES),
    Target(name="math programs", read=reading(compute), seeds=PROGRAMS, words=WORDS),
    Target(
        name="math expressions",
        read=reading(compute_expression),
        seeds=[
            b'{"operation": "evaluate", "steps": [{"expression": "sqrt(2) * 3 mg"}]}',
            b'{"operation": "solve", "steps": [{"expression": "x^2 = 2"}], "variable": "x"}',
        ],
        words=[word for word in WORDS if b'"' not in word and b"\n" not in word],
    ),
]
