"""The distributions: built the same twice, and installed where there is no checkout."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from fake_ollama import fake_ollama

from metier.testing import FixedEmbedder

pytestmark = pytest.mark.matrix

ROOT = Path(__file__).parents[1]

PLUGINS = ("math", "code", "medical")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# Any time; the release takes that of its commit.
EPOCH = "1700000000"


def built(checkout: Path, out: Path) -> dict[str, str]:
    """Each distribution's file name and hash."""
    for project in (checkout, *(checkout / "plugins" / name for name in PLUGINS)):
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "--directory", str(out)],
            cwd=project,
            env=os.environ | {"SOURCE_DATE_EPOCH": EPOCH},
            check=True,
            capture_output=True,
        )
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in out.iterdir()}


def copied(folder: Path) -> Path:
    """The files that git knows, elsewhere and with the time of now."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def test_the_same_files_make_the_same_distributions_anywhere(tmp_path: Path) -> None:
    first = built(copied(tmp_path / "one"), tmp_path / "dist")
    second = built(copied(tmp_path / "another place"), tmp_path / "again")
    assert first == second
    assert sorted(name.split("-")[0] for name in first) == sorted(
        ["metier", "metier_code", "metier_math", "metier_medical"] * 2
    )


@cache
def python_of(version: str) -> str | None:
    """An interpreter of this version on this machine."""
    command = [sys.executable, "-m", "uv", "python", "find", "--no-python-downloads", version]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    # uv sees those of pyenv only if they are switched on.
    of_pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    others = map(str, of_pyenv.glob(f"{version}.*/bin/python"))
    return found.stdout.strip() or next(others, None)


@pytest.mark.parametrize("version", PYTHONS)
def test_the_wheels_answer_the_first_question_without_the_checkout(
    version: str, tmp_path: Path
) -> None:
    if (python := python_of(version)) is None:
        pytest.skip(f"there is no Python {version} here")
    built(copied(tmp_path / "checkout"), tmp_path / "dist")
    shutil.rmtree(tmp_path / "checkout")
    uv = [sys.executable, "-m", "uv", "--quiet"]
    subprocess.run([*uv, "venv", "--python", python, "own"], cwd=tmp_path, check=True)
    wheels = map(str, (tmp_path / "dist").glob("*.whl"))
    subprocess.run(
        [*uv, "pip", "install", "--python", "own/bin/python", *wheels], cwd=tmp_path, check=True
    )
    models = ["all-minilm:latest", "qwen2.5-coder:1.5b"]
    with fake_ollama(FixedEmbedder(), models=models, reply="It is 12.") as server:
        done = subprocess.run(
            ["own/bin/metier", "ask", "What is 15% of 80?"],
            cwd=tmp_path,
            env=os.environ | {"OLLAMA_HOST": server.host},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "12" in done.stdout
