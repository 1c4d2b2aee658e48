"""The tests of the bridges with the oldest packages that the extras admit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("semantic-kernel", "langchain-core", "mcp")
TOOLS = ("pytest", "hypothesis", "langchain-tests", "ollama", "pytest-timeout")
# Those that look at the page, at this very test, and at recorded requests: old ones of vcrpy do not
# run with a new aiohttp.
LEFT_OUT = ("test_compatibility.py", "test_oldest.py")
RECORDED = "test_langchain_standard.py::TestIntegration::test_stream_time"


def oldest() -> list[str]:
    """The requirement of each package at its lowest version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [line for extra in project["optional-dependencies"].values() for line in extra]
    floors = {
        match[1]: match[2] for line in lines if (match := re.match(r"(\S+?)>=([\d.]+)", line))
    }
    return [f"{package}=={floors[package]}" for package in PACKAGES]


@pytest.mark.matrix
def test_the_bridges_work_with_the_oldest_packages(tmp_path: Path) -> None:
    uv = [found] if (found := shutil.which("uv")) else [sys.executable, "-m", "uv"]
    python = tmp_path / "oldest" / "bin" / "python"
    subprocess.run(
        [*uv, "venv", "--quiet", "--python", sys.executable, python.parents[1]], check=True
    )
    own = f"{ROOT}[semantic-kernel,langchain,mcp]"
    install = [*uv, "pip", "install", "--quiet", "--python", python, "-e", own]
    subprocess.run([*install, *oldest(), *TOOLS], check=True)
    folder = Path("tests", "bridges")
    without = [f"--ignore={folder / name}" for name in LEFT_OUT]
    without += [f"--deselect={folder / RECORDED}"]
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder, *without],
        cwd=ROOT,
        env=os.environ | {"PYTEST_ADDOPTS": ""},  # langchain's tests need the plug-ins
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
