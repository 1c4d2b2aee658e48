"""A cache folder that cannot be written: an answer all the same, and one plain line about it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fake_ollama import fake_ollama

from metier.testing import FixedEmbedder

MODELS = ("all-minilm:latest", "qwen2.5-coder:1.5b")


TESTS = Path(__file__).parent.parent


def asked(
    monkeypatch: pytest.MonkeyPatch, cache: Path, *, limit: str = "true", by: str = "metier"
) -> str:
    """What a question prints on stderr, under a limit of the shell's.

    Args:
        by: the module that is run.
    """
    monkeypatch.setenv("METIER_CACHE_DIR", str(cache))
    with fake_ollama(FixedEmbedder(), models=MODELS, reply="Four.") as server:
        monkeypatch.setenv("OLLAMA_HOST", server.host)
        question = [sys.executable, "-m", *by.split(), "ask", "Tell me a joke"]
        done = subprocess.run(
            ["/bin/sh", "-c", f'{limit}; exec "$@"', "sh", *question],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout.strip()) == (0, "Four.")
    return done.stderr


@pytest.mark.parametrize("limit", ["ulimit -f unlimited", "ulimit -f 0"])
def test_a_folder_that_cannot_be_written_is_told_in_one_line(
    limit: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    if limit == "ulimit -f unlimited":
        cache.write_text("in the way")
        reason = "Not a directory"
    else:
        reason = "File too large"
    monkeypatch.setenv("METIER_KEEP_RUNS", "false")
    told = asked(monkeypatch, cache, limit=limit).strip()
    assert told == (
        f"the index cannot be saved in {cache}/index/ollama-all-minilm: {reason}. "
        "Set METIER_CACHE_DIR to a folder that can be written"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has capabilities to give up")
def test_a_folder_that_may_only_be_read_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o500)
    monkeypatch.setenv("METIER_KEEP_RUNS", "false")
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    told = asked(monkeypatch, cache, by="capabilities metier").strip()
    assert told == (
        f"the index cannot be saved in {cache}/index/ollama-all-minilm: Permission denied. "
        "Set METIER_CACHE_DIR to a folder that can be written"
    )


def test_of_a_folder_that_can_be_written_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert asked(monkeypatch, tmp_path / "cache") == ""
