"""What grew too large is found."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "check-shape.py"
Problems = Callable[[Path], Iterator[str]]


@pytest.fixture
def problems() -> Problems:
    return runpy.run_path(str(SCRIPT))["problems"]


def test_a_module_of_more_than_350_lines_is_found(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "long.py").write_text("pass\n" * 351)
    (tmp_path / "fits.py").write_text("pass\n" * 350)
    assert list(problems(tmp_path)) == ["room/long.py: 351 lines (at most 350)"]


def test_a_package_of_more_than_24_entries_is_found(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    for number in range(24):
        (tmp_path / f"room{number}").mkdir()
    assert list(problems(tmp_path)) == []
    (tmp_path / "py.typed").touch()
    assert list(problems(tmp_path)) == [f"{tmp_path.name}: 25 entries (at most 24)"]
