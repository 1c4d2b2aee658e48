"""The compatibility table lists the tests and versions that there are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_table_lists_what_the_tests_show_and_the_versions_they_run_with() -> None:
    command = [sys.executable, "scripts/compatibility.py", "--check"]
    # The tests that it collects need the plugins that other pytests of tests do without.
    alone = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    done = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_line_of_the_table_failed_or_was_not_run() -> None:
    page = (ROOT / "docs" / "bridges-compatibility.md").read_text(encoding="utf-8")
    results = [line.split(" | ")[-1] for line in page.splitlines() if line.startswith("| ")]
    assert len(results) > 40
    assert not [result for result in results if "failed" in result or "not run" in result]
