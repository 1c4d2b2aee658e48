"""The benchmarks' judge of compound questions, and which rows of a set they take."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from benchmarks.combining import FIELDS, N_OTHER, split
from benchmarks.compound import all_right, compounds

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


def _write(file: Path, rows: Sequence[Mapping[str, object]]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def _stories(folder: Path, count: int) -> None:
    rows = [{"question": f"Ann has {n} hens.", "final": f"{n}"} for n in range(count)]
    _write(folder / "gsm8k/test.jsonl", rows)


def test_the_rows_for_choosing_are_never_reported(tmp_path: Path) -> None:
    (field,) = [each for each in FIELDS if each.name == "gsm8k"]
    for count, reported, others in ((700, field.n, N_OTHER), (100, 60, N_OTHER), (41, 1, 1)):
        _stories(tmp_path, count)
        rows, other = split(field, tmp_path, limit=None)
        assert (len(rows), len(other)) == (reported, others)
        assert not {row.question for row in rows} & {row.question for row in other}
    rows, other = split(field, tmp_path, limit=1)
    assert (len(rows), len(other)) == (1, 1)
    _stories(tmp_path, N_OTHER)
    with pytest.raises(SystemExit, match="more than 40 are needed"):
        split(field, tmp_path, limit=None)


def test_of_a_short_set_compound_questions_take_what_there_is(tmp_path: Path) -> None:
    _stories(tmp_path, 3)
    options = {"A": "yes", "B": "no"}
    _write(
        tmp_path / "medical/medqa_us_4opt.jsonl",
        [{"question": "Is it well?", "options": options, "answer": "A"}],
    )
    _write(
        tmp_path / "humaneval/test.jsonl",
        [{"prompt": "def f(): ...", "entry_point": "f", "test": "def check(f): ..."}],
    )
    assert len(compounds(tmp_path, limit=4, seed=1, skip=200)) == 4
