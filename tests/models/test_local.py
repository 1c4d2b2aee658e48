"""How the local server is started."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from ports import free_port

from metier.errors import ModelServerUnreachable
from metier.models import local
from metier.settings import Settings


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which a program called ollama leaves what it was told; then it ends."""
    program = tmp_path / "bin" / "ollama"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nenv > {tmp_path}/told\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "told"


@pytest.mark.parametrize(("own", "expected"), [({}, "4"), ({"OLLAMA_NUM_PARALLEL": "2"}, "2")])
def test_a_server_is_started_with_as_many_slots_as_are_set(
    told: Path, tmp_path: Path, own: dict[str, str], expected: str
) -> None:
    start(tmp_path, os.environ | own)
    assert f"OLLAMA_NUM_PARALLEL={expected}" in told.read_text().splitlines()


def start(folder: Path, environment: Mapping[str, str] | None = None) -> None:
    settings = Settings(
        host=f"http://127.0.0.1:{free_port()}", parallel=4, state_dir=folder / "state"
    )
    with pytest.raises(ModelServerUnreachable):
        local.start(settings, environment=environment)


def test_a_server_is_started_without_the_secrets_of_its_user(
    told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "NVIDIA_API_KEY"):
        monkeypatch.setenv(name, "tuna-4711")
    start(tmp_path)
    assert "tuna-4711" not in told.read_text()


def test_a_server_gets_the_variables_that_it_reads(
    told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = "OLLAMA_MODELS HOME TMPDIR LD_LIBRARY_PATH https_proxy NO_PROXY SSL_CERT_FILE"
    read += " CUDA_VISIBLE_DEVICES HSA_OVERRIDE_GFX_VERSION HIP_VISIBLE_DEVICES GGML_VK_DEVICE"
    for name in read.split():
        monkeypatch.setenv(name, str(tmp_path))
    start(tmp_path)
    found = {line.partition("=")[0] for line in told.read_text().splitlines()}
    assert found >= {*read.split(), "PATH", "OLLAMA_HOST"}
