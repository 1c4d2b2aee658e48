"""Requests that schemathesis makes from Ollama's OpenAPI file, which is part of its Go module."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from bridges.kitchen import council
from serving.running_server import served

from metier.testing import ScriptedModels

pytestmark = [
    pytest.mark.matrix,
    pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed"),
]

MODULE = "github.com/ollama/ollama@v0.24.0"
HOOKS = Path(__file__).parent / "ndjson_lines.py"
CHECKS = (
    "not_a_server_error,response_schema_conformance,content_type_conformance,"
    "positive_data_acceptance"
)
# `test_ollama.py` shows that they answer 501.
CHANGING = ("create", "copy", "pull", "push", "delete")
WORDS = {"type": "string", "pattern": r"[a-z]"}


@pytest.fixture(scope="module")
def spec() -> Any:
    command = ["go", "mod", "download", "-json", MODULE]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"Go cannot get {MODULE}: {(done.stdout + done.stderr)[-300:]}")
    return yaml.safe_load((Path(json.loads(done.stdout)["Dir"]) / "docs/openapi.yaml").read_text())


def narrowed(spec: Any) -> Any:
    """The file without what docs/serving.md lists as not served, so that the rest must fit."""
    for name in CHANGING:
        del spec["paths"][f"/api/{name}"]
    for schema in spec["components"]["schemas"].values():
        fields = schema.get("properties", {})
        # "show" also takes an expert; the council keeps no schema.
        if "model" in schema.get("required", ()):
            fields["model"] = {"enum": ["cooking", "cooking:latest"]}
        for field in ("images", "suffix", "tool_calls", "dimensions"):
            fields.pop(field, None)
        if "format" in fields:
            fields["format"] = {"enum": ["json", {"type": "object"}]}
    schemas = spec["components"]["schemas"]
    turn = schemas["ChatMessage"]["properties"]
    turn["content"], turn["role"] = WORDS, {"const": "user"}
    schemas["EmbedRequest"]["properties"]["input"] = {
        "oneOf": [WORDS, {"type": "array", "items": WORDS, "minItems": 1}]
    }
    for path in ("chat", "generate"):
        content = spec["paths"][f"/api/{path}"]["post"]["responses"]["200"]["content"]
        lines = content["application/x-ndjson"]
        lines["schema"] = {"type": "array", "items": lines["schema"], "minItems": 1}
    return spec


def test_every_reply_is_as_ollamas_file_says(spec: Any, tmp_path: Path) -> None:
    file = tmp_path / "openapi.yaml"
    file.write_text(yaml.safe_dump(narrowed(spec)))
    server = ScriptedModels({"cooking": lambda _: '{"minutes": 40}'})
    with served(council(server)) as url:
        command = [
            *(str(Path(sys.executable).parent / "schemathesis"), "run", str(file), "--url", url),
            *("--phases", "coverage,fuzzing", "--max-examples", "25", "--checks", CHECKS),
            *("--generation-deterministic", "--continue-on-failure", "--no-color"),
        ]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | {"SCHEMATHESIS_HOOKS": str(HOOKS)},
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stdout
    assert "Tested: 7" in done.stdout
    assert "Schema validation skipped" not in done.stdout
