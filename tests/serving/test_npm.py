"""OpenAI's and Ollama's own clients for JavaScript, where node is there."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from bridges.kitchen import council
from serving.running_server import served

from metier.testing import ScriptedModels

pytestmark = [
    pytest.mark.matrix,
    pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm here"),
]

PACKAGES = ("openai@7.59.0", "ollama@0.6.4")
SCRIPT = Path(__file__).parent / "asking.mjs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages, and the script beside them."""
    made = tmp_path_factory.mktemp("npm")
    shutil.copy(SCRIPT, made)
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *PACKAGES]
    done = subprocess.run(
        command, cwd=made, check=False, capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        pytest.skip(f"npm cannot get the packages: {done.stderr[-300:]}")
    return made


def test_the_packages_of_npm_get_what_they_expect(folder: Path) -> None:
    server = ScriptedModels({"cooking": lambda _: "Forty minutes at most."})
    with served(council(server)) as url:
        command = ["node", SCRIPT.name, url]
        done = subprocess.run(
            command, cwd=folder, check=False, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    answers = {said.pop(key) for key in ("whole", "streamed", "response", "chat", "generated")}
    assert answers == {"Forty minutes at most."}
    assert said.pop("models")[:2] == ["metier", "cooking"]
    assert said.pop("tags")[:2] == ["metier:latest", "cooking:latest"]
    assert said == {
        "tokens": 14,
        "embeddings": 2,
        "unknown": ["NotFoundError", "model_not_found"],
        "shown": ["completion", "thinking"],
        "embed": 1,
    }
