"""How the local server is started."""

from __future__ import annotations

import os
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
    program.write_text(f'#!/bin/sh\necho "$OLLAMA_NUM_PARALLEL" > {tmp_path}/told\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "told"


@pytest.mark.parametrize(("own", "expected"), [({}, "4"), ({"OLLAMA_NUM_PARALLEL": "2"}, "2")])
def test_a_server_is_started_with_as_many_slots_as_are_set(
    told: Path, tmp_path: Path, own: dict[str, str], expected: str
) -> None:
    settings = Settings(
        host=f"http://127.0.0.1:{free_port()}", parallel=4, state_dir=tmp_path / "state"
    )
    with pytest.raises(ModelServerUnreachable):
        local.start(settings, environment=os.environ | own)
    assert told.read_text().strip() == expected
