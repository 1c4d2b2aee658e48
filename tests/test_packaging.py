"""The distributions: built the same twice, and installed where there is no checkout."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from functools import cache
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from fake_ollama import fake_ollama
from packaging.requirements import Requirement

from metier.testing import FixedEmbedder

ROOT = Path(__file__).parents[1]

PLUGINS = ("math", "code", "medical")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# Any time; the release takes that of its commit.
EPOCH = "1700000000"
CALCULATION = (
    '{"operation": "evaluate", "steps": [{"name": "result", "expression": "70 * 15"}], '
    '"variable": "", "to": "", "unit": "mg"}'
)


def built(checkout: Path, out: Path, *, target: str = "") -> dict[str, str]:
    """Each distribution's file name and hash."""
    only = ["--target", target] if target else []
    for project in (checkout, *(checkout / "plugins" / name for name in PLUGINS)):
        subprocess.run(
            [*(sys.executable, "-m", "hatchling", "build"), *only, "--directory", str(out)],
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


def test_nothing_is_installed_without_its_hash(tmp_path: Path) -> None:
    pins = (ROOT / "constraints.txt").read_text()
    _, *lines = pins.replace(" \\\n", "").splitlines()
    assert [line for line in lines if "--hash=sha256:" not in line] == []
    assert "://" not in pins
    make = ["make", "--dry-run", "--always-make", "env", "dev"]
    told = subprocess.run(make, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    installs = re.findall(r"pip install(?:.|\\\n)*", told)
    assert len(installs) >= 4
    assert all("--constraints constraints.txt" in i or "--require-hashes" in i for i in installs)
    pinned = next(line.split()[0] for line in lines if line.startswith("editables=="))
    name, _, version = pinned.partition("==")
    with zipfile.ZipFile(tmp_path / f"{name}-{version}-py3-none-any.whl", "w") as forged:
        about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        forged.writestr(f"{name}-{version}.dist-info/METADATA", about)
    uv = [*(sys.executable, "-m", "uv", "pip", "install", "--no-index", "--find-links", tmp_path)]
    done = subprocess.run(
        [*uv, "--constraints", "constraints.txt", "--target", tmp_path / "out", "editables"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode != 0, "Hash mismatch" in done.stderr) == (True, True), done.stderr


def test_each_wheel_holds_a_list_of_what_it_declares_and_contains(tmp_path: Path) -> None:
    built(copied(tmp_path / "checkout"), tmp_path / "dist", target="wheel")
    for wheel in (tmp_path / "dist").glob("*.whl"):
        with zipfile.ZipFile(wheel) as opened:
            (metadata,) = (name for name in opened.namelist() if name.endswith("/METADATA"))
            about = message_from_bytes(opened.read(metadata))
            name = about["Name"]
            text = opened.read(metadata.replace("METADATA", f"sboms/{name}.cdx.json")).decode()
            listed = json.loads(text)["components"]
            found = {
                path: hashlib.sha256(opened.read(path)).hexdigest()
                for path in opened.namelist()
                if "/vendor/" in path and path.endswith("js")
            }
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
        assert json.loads(text)["metadata"]["component"]["purl"] == f"pkg:pypi/{name}@0.1.0"
        needed = {Requirement(line).name for line in about.get_all("Requires-Dist") or ()}
        assert {each["purl"] for each in listed if "scope" in each} == {
            f"pkg:pypi/{each}" for each in needed - {name}
        }
        vendored = [each for each in listed if each["purl"].startswith("pkg:npm/")]
        assert all(each["version"] and each["licenses"] for each in vendored)
        assert found == {
            each["evidence"]["occurrences"][0]["location"]: each["hashes"][0]["content"]
            for each in vendored
        }
        assert bool(vendored) == (name == "metier")


@pytest.mark.matrix
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


@pytest.mark.matrix
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
    asked = re.search(r'^make ask Q="(.+)"$', (ROOT / "README.md").read_text(), re.MULTILINE)
    assert asked is not None
    models = ["all-minilm:latest", "qwen2.5-coder:1.5b"]
    with fake_ollama(
        FixedEmbedder(), models=models, reply="As asked.", again=CALCULATION
    ) as server:
        done = subprocess.run(
            ["own/bin/metier", "ask", asked[1]],
            cwd=tmp_path,
            env=os.environ | {"OLLAMA_HOST": server.host},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "**Result: 1050 mg**" in done.stdout
    assert "Must not be given: known allergy to paracetamol" in done.stdout
    assert "answered by: 1 math, 2 code, 3 medical" in done.stdout
