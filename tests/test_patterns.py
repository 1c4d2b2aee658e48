"""The check that no regular expression of the packages is slower than linear."""

from __future__ import annotations

import re
import runpy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


@cache
def check() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "check-patterns.py"))


@pytest.mark.parametrize(
    ("pattern", "way"),
    [
        (r"\s*,", "finditer"),
        (r"[.!?]+(?=\s|$)", "finditer"),
        (r"```[^\n]*\n", "finditer"),
        (r"^class[ ]\w+.*:", "finditer"),
        (r"<(a)(?:\s+b)*>|(?:the )*end", "finditer"),
        (r"(?:\w+x?)*,", "match"),
        (r"(.*?)\s*(?:to)?$", "match"),
        (r"\s*,?\s*,?\s*", "fullmatch"),
    ],
)
def test_a_pattern_that_is_slower_than_linear_is_found(pattern: str, way: str) -> None:
    assert check()["slow_on"](re.compile(pattern), way) is not None


@pytest.mark.parametrize(
    ("pattern", "way"),
    [
        (r"(?<!\s)\s*+,", "finditer"),
        (r"```[^`\n]*\n", "finditer"),
        (r"\s*,", "match"),
        (r"\w{0,80}\s{0,80},", "finditer"),
    ],
)
def test_a_linear_pattern_passes(pattern: str, way: str) -> None:
    assert check()["slow_on"](re.compile(pattern), way) is None


def test_patterns_are_found_wherever_they_are_written() -> None:
    used = {(each.place, each.way) for each in check()["patterns"]()}
    places = {place.partition(", line")[0] for place, _ in used}
    assert ("metier.planning.splitting.orders._ORDER", "finditer") in used
    assert ("metier.experts.card._HEADING", "match") in used
    assert "metier_medical.red_flags.RED_FLAGS" in places  # in the fields of values in a tuple
    assert "metier.experts.prompts" in places  # in a function


def test_no_package_is_left_out() -> None:
    sources = check()["_sources"]()
    named = {".".join(name.split(".")[:3]) for name, _ in sources}
    for file in (ROOT / "sdk" / "metier" / "experts").iterdir():
        if (file / "__init__.py").exists():
            assert f"metier.experts.{file.name}" in named
    packages = {file.parent.name for file in (ROOT / "sdk" / "metier").glob("*/__init__.py")}
    assert packages <= {name.split(".")[1] for name, _ in check()["_sources"]() if "." in name}
