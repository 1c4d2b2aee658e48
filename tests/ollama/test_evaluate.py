"""`metier evaluate routing` with the real embedder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from metier.cli.main import cli


@pytest.mark.usefixtures("ollama_settings")
def test_plain_questions_find_their_experts(tmp_path: Path) -> None:
    asked = {
        "What is 15% of 80?": "math",
        "Write a Python function that reverses a list": "code",
        "Who painted Guernica?": None,
    }
    file = tmp_path / "questions.jsonl"
    rows = [json.dumps({"question": text, "expert": expert}) for text, expert in asked.items()]
    file.write_text("\n".join(rows))
    done = CliRunner().invoke(cli, ["evaluate", "routing", "--json", "--data", str(file)])
    report = json.loads(done.stdout)
    assert report["embedder"].startswith("ollama/")
    assert (report["now"]["accuracy"]["value"], report["misplaced"]) == (1.0, [])
