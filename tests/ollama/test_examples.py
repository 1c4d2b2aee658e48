"""Each example runs as a program on a real Ollama."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))

SAYS = {
    "ask": "15% of 80 = 12",
    "council_in_langchain": "3 words",
    "council_in_semantic_kernel": "by time_plugin_iso_date",
    "council_over_mcp": "12",
    "edit_a_plan": "The capital of Australia is Canberra",
    "embed_in_fastapi": "42",
    "own_expert": "chosen: cooking",
    "serve_to_ollama": "12",
    "serve_to_openai": "12",
    "stream_events": "plan: ['math', 'code']",
}


def test_every_example_is_listed_here() -> None:
    assert [file.stem for file in EXAMPLES] == sorted(SAYS)


@pytest.mark.usefixtures("ollama_settings")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_runs_and_fits_on_a_screen(example: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(example)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert SAYS[example.stem] in done.stdout
    assert len(example.read_text().splitlines()) <= 60
