"""The benchmark's judge of compound questions: every part by its own gold."""

from __future__ import annotations

import pytest
from benchmarks.compound import all_right

from metier.evaluating.questions import AnswerQuestion
from metier.grading import CodeGold, LabelGold, NumberGold
from metier.sandbox import Sandboxes
from metier.sandbox.monty import MontySandbox

pytestmark = pytest.mark.anyio
NUMBER = AnswerQuestion(question="How many?", domain="gsm8k", gold=NumberGold(value="48"))
LABEL = AnswerQuestion(
    question="Which?",
    domain="medqa",
    gold=LabelGold(value="B", labels=("A", "B", "C"), options=("iron", "zinc", "tin")),
)
CODE = AnswerQuestion(
    question="Double it.",
    domain="humaneval",
    gold=CodeGold(tests=("assert double(2) == 4",), entry_point="double"),
)
GOOD = "```python\ndef double(n):\n    return 2 * n\n```"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Part 1\nIt is 40 + 8.\nAnswer: 48\n\nPart 2\nAnswer: B\n\nPart 3\n{GOOD}", True),
        (f"**Result: 48**\n\n**B) zinc**\n\nThe model is 70% sure of it.\n\n{GOOD}", True),
        (f"1. She has 48 pens.\n\n2. The answer is (B).\n\n3. Here:\n{GOOD}", True),
        (f"Part 1\nAnswer: 47\n\nPart 2\nAnswer: B\n\nPart 3\n{GOOD}", False),
        (f"Part 1\nAnswer: 48\n\nPart 2\nAnswer: C\n\nPart 3\n{GOOD}", False),
        (f"Part 1\nAnswer: 48\n\nPart 2\nA) iron, B) zinc or C) tin.\n\nPart 3\n{GOOD}", False),
        ("Part 1\nAnswer: 48\n\nPart 2\nAnswer: B\n\nPart 3\nI cannot.", False),
        ("", False),
    ],
)
async def test_a_compound_answer_is_right_where_every_part_is(text: str, expected: bool) -> None:
    sandboxes = Sandboxes([MontySandbox()])
    assert await all_right(text, (NUMBER, LABEL, CODE), sandboxes=sandboxes) is expected
