"""What the test suite promises whoever runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SENDING = "tests/testing/test_try.py::test_watching_asks_again_when_a_file_changes"


def test_tests_of_real_models_run_alone() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only"]
    done = subprocess.run(
        [*command, "-m", "not alone", "tests/ollama/test_evaluate.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "1 deselected" in done.stdout


def test_tests_that_send_signals_pass_where_signals_are_ignored() -> None:
    ignoring = 'trap "" INT TERM; exec "$@"'
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", SENDING]
    done = subprocess.run(
        ["/bin/sh", "-c", ignoring, "sh", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_a_test_that_waits_for_ever_fails(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    assert float(pytestconfig.getini("timeout")) > 0
    waiting = tmp_path / "test_waiting.py"
    waiting.write_text("import threading\ndef test_it():\n    threading.Event().wait()\n")
    own = ["-c", str(ROOT / "pyproject.toml"), "-o", "timeout=0.5", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *own, str(waiting)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, "Timeout (>0.5s)" in done.stdout) == (1, True)
