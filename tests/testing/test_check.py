"""`metier experts check` on experts that are well: what it says, and that it changes nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sites import Site

from metier.cli.main import cli
from metier.testing.scaffold import create

PLANTS = """\
api = 1
[expert]
id = "plants"
description = "House plants: watering, light, soil, pests"
[[capability]]
name = "care"
description = "Care for house plants"
examples = ["How often do I water a cactus?", "my monstera has yellow leaves"]
"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments], prog_name="metier")


def test_a_small_card_passes_with_what_would_make_it_better(tmp_path: Path) -> None:
    card = Site(tmp_path).write("plants/domain.toml", PLANTS)
    done = run("experts", "check", "--json", card)
    assert done.exit_code == 0, done.stdout
    found = json.loads(done.stdout)["experts"]["plants"]
    notes = [each["message"] for each in found if each["verdict"] == "note"]
    assert notes == [
        "care has 2 examples; 20 make it reliable",
        "care has no counterexamples: take some from its neighbours",
        "models is empty: it will run on the general expert's model",
    ]
    assert {each["verdict"] for each in found} == {"ok", "note"}


@pytest.mark.parametrize("layout", ["", "src"])
def test_a_project_is_checked_where_it_lies_and_left_as_it_is(layout: str, tmp_path: Path) -> None:
    project = create("tea", into=tmp_path)
    if layout:
        (project / layout).mkdir()
        (project / "metier_tea").rename(project / layout / "metier_tea")
    before = {file: file.read_bytes() for file in project.rglob("*") if file.is_file()}
    path = [*sys.path]
    done = run("experts", "check", project)
    assert done.exit_code == 0, done.stdout
    assert "18 ok, 0 to note, 0 failed" in done.stdout
    assert sys.path == path
    after = project.rglob("*")
    kept = {f: f.read_bytes() for f in after if f.is_file() and "__pycache__" not in f.parts}
    assert kept == before


def test_a_failure_is_said_with_its_cure_and_exits_with_1(tmp_path: Path) -> None:
    text = PLANTS.replace("my monstera has yellow leaves", "How often do I  water a cactus?")
    Site(tmp_path).write("plants/domain.toml", text)
    done = run("experts", "check", tmp_path / "plants")
    assert done.exit_code == 1
    assert "FAIL its examples do not contradict: 'how often do i water a cactus?'" in done.stdout
    assert "→  Mend the examples in domain.toml" in done.stdout
