"""Questions for the gate: of a file, or of a domain."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner
from small_models import model

from metier.cli.main import cli
from metier.errors import InvalidInput
from metier.merging.exercises import exercises
from metier.settings import Settings

LINES = """\
{"question": "What is 2 + 3?", "expert": "math", "answer": {"kind": "number", "value": 5}}
{"question": "Who painted Guernica?", "expert": null}
"""


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    file = tmp_path / "questions.jsonl"
    file.write_text(LINES, encoding="utf-8")
    return file


def test_the_questions_of_a_file_that_have_an_answer_are_asked_and_judged(questions: Path) -> None:
    (only,) = exercises(str(questions), Settings.load())
    assert only.question == "What is 2 + 3?"
    assert anyio.run(only.is_right, "2 + 3 = 5, so the answer is 5.")
    assert not anyio.run(only.is_right, "The answer is 6.")


def test_the_questions_of_a_domain_are_found_by_its_name() -> None:
    found = exercises("math", Settings.load())
    assert len(found) >= 10


def test_what_is_neither_a_file_nor_a_domain_is_named() -> None:
    with pytest.raises(InvalidInput, match="'astrology'"):
        exercises("astrology", Settings.load())


def test_a_command_that_asks_for_it_says_so_before_it_reads_a_model(tmp_path: Path) -> None:
    pair = [model(tmp_path / f"{n}.gguf", n) for n in range(2)]
    arguments = ["merge", *pair, "-o", "out.gguf", "--evaluate", "astrology"]
    done = CliRunner().invoke(cli, arguments, prog_name="metier")
    assert done.exit_code == 2
    assert "'astrology'" in done.stderr
