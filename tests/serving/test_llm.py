"""The program `llm`, by its plugin for Ollama and by its own models of OpenAI's API."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bridges.kitchen import council, models
from serving.running_server import served

BREAD = "How long does bread bake?"


def llm(model: str, url: str, home: Path, *more: str) -> str:
    """What llm prints for a question."""
    own = {"LLM_USER_PATH": str(home), "OLLAMA_HOST": url, "OPENAI_API_KEY": "x"}
    done = subprocess.run(
        [sys.executable, "-m", "llm", "prompt", "-m", model, *more, BREAD],
        env=os.environ | own,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_llm_asks_a_model_of_its_plugin_for_ollama(tmp_path: Path) -> None:
    with models(cooking=["Forty minutes."]) as server, served(council(server)) as url:
        assert llm("ollama/metier", url, tmp_path) == "Forty minutes."


def test_llm_asks_a_model_of_openais_api(tmp_path: Path) -> None:
    with models(cooking=["Forty minutes."]) as server, served(council(server)) as url:
        (tmp_path / "extra-openai-models.yaml").write_text(
            f"- model_id: ours\n  model_name: metier\n  api_base: {url}/v1\n"
        )
        assert llm("ours", url, tmp_path, "--no-stream") == "Forty minutes."
