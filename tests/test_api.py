"""What others may rely on is written down, and what would break them is found."""

from __future__ import annotations

import ast
import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import metier
from metier import Plan
from metier.cli.main import cli
from metier.experts.card import API_VERSION, DomainFile

ROOT = Path(__file__).parent.parent
POLICY = ROOT / "docs" / "api-policy.md"


@pytest.fixture(scope="module")
def api() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "api.py"))


def test_what_is_released_is_what_is_there(api: dict[str, Any]) -> None:
    assert api["released"]() == api["lines"]()
    assert api["stale_schemas"]() == []


def test_every_command_has_its_short_option_for_help_afterwards(api: dict[str, Any]) -> None:
    api["lines"]()
    assert CliRunner().invoke(cli, ["learn", "remove", "-h"]).exit_code == 0


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ([], ["f()"], []),
        (["f()"], ["f()", "f(x)"], []),
        (["f()", "g()"], ["f()"], ["gone: g()"]),
        (["f()"], ["f(x: int)"], ["gone: f()"]),
        (["class A()"], ["class A(B)"], []),
        (["class A(B)"], ["class A(C)"], ["gone: class A(B)"]),
        (["a"], ["a", "schema card Expert.age {} required"], ["newly required: "]),
        (["a"], ["a", "schema card Expert.age {}"], []),
        (["a"], ["a", "schema events Token.age {} required"], []),
    ],
    ids=[
        "first",
        "added",
        "removed",
        "changed",
        "one more base",
        "another base",
        "owed by a card",
        "optional",
        "told by an event",
    ],
)
def test_what_breaks_somebody_is_found(
    api: dict[str, Any], before: list[str], after: list[str], found: list[str]
) -> None:
    breaking = api["breaking"](before, after)
    assert len(breaking) == len(found)
    assert all(line.startswith(start) for line, start in zip(breaking, found, strict=True))


def test_the_policy_names_the_public_modules_and_no_others(api: dict[str, Any]) -> None:
    table = POLICY.read_text(encoding="utf-8").partition("## What may change in every")[0]
    named = set(re.findall(r"`(metier[a-z_.]*)`", table.partition("| module |")[2]))
    assert named == {place.partition(":")[0] for place in api["MODULES"]}


@pytest.mark.parametrize("plugin", [path.name for path in sorted(ROOT.glob("plugins/*"))])
def test_the_plugins_import_promised_names_only(api: dict[str, Any], plugin: str) -> None:
    promised = api["promised"]()
    files = sorted((ROOT / "plugins" / plugin).rglob("*.py"))
    imported = {(file.name, name) for file in files for name in imports_of(file)}
    assert imported
    assert {(file, name) for file, name in imported if name not in promised} == set()


def imports_of(file: Path) -> Iterator[str]:
    """The names that a file imports from metier, as `module.name`; a whole module as it is."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("metier."):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            yield from (name for name in names if f"{name}.".startswith("metier."))


def test_the_policy_names_the_version_of_cards() -> None:
    assert f"`api = {API_VERSION}`" in POLICY.read_text(encoding="utf-8")


def test_the_schemas_are_of_what_is_read_and_written() -> None:
    folder = ROOT / "docs" / "schemas"
    card, plan = (json.loads((folder / f"{name}.json").read_text()) for name in ("card", "plan"))
    assert card["properties"].keys() == DomainFile.model_fields.keys()
    assert plan["properties"].keys() == Plan.model_fields.keys()


@pytest.mark.parametrize(
    ("part", "missing"),
    [
        ("metier.Council.ask async(self, question: Question", ""),
        ("metier.testing.ExpertConformance.expert(self) -> Expert", ""),
        ('schema card Capability.description {"maxLength": 2000', "required"),
        ("command metier experts check --timeout", ""),
        ("metier.errors.MetierError(self, message: str, *, hint: str = '')", ""),
    ],
)
def test_a_line_says_what_is_promised(api: dict[str, Any], part: str, missing: str) -> None:
    (line, *_) = [line for line in api["lines"]() if line.startswith(part)]
    assert line.endswith(missing)


def test_the_old_name_of_tool_still_works_and_warns() -> None:
    with pytest.warns(DeprecationWarning, match=r"metier\.tool"):
        assert metier.skill is metier.tool
