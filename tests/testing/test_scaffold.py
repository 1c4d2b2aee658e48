"""`metier experts new`: what it makes is installed, and passes its own tests, offline."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from offline import environment

from metier.cli.main import cli
from metier.errors import InvalidInput
from metier.testing.scaffold import create


@pytest.mark.parametrize("kind", [(), ("--declarative",)], ids=["code", "declarative"])
def test_a_new_expert_is_installed_found_and_passes_its_tests(
    kind: tuple[str, ...], tmp_path: Path
) -> None:
    mine = environment(tmp_path / "venv")
    mine.run(f"metier experts new brew_guide {' '.join(kind)}", folder=tmp_path)
    project = tmp_path / "metier-brew-guide"
    mine.run("pip install -e .", folder=project)
    listed = mine.run("metier experts show brew_guide", folder=tmp_path)
    assert f"card: {project / 'metier_brew_guide' / 'domain.toml'}" in listed.stdout
    assert ("tool brew(tea, millilitres)" in listed.stdout) == (not kind)
    done = mine.run("pytest -q -p no:cacheprovider", folder=project)
    assert " passed" in done.stdout


def test_a_wheel_of_a_new_expert_has_its_card(tmp_path: Path) -> None:
    mine = environment(tmp_path / "venv")
    project = create("brew_guide", into=tmp_path, kind="card")
    mine.run("pip install .", folder=project)
    listed = mine.run("metier experts show brew_guide", folder=tmp_path)
    assert str(tmp_path / "venv") in listed.stdout
    assert "code: none, the card is the expert" in listed.stdout


def test_the_wheel_of_metier_holds_the_template(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    mine = environment(tmp_path / "venv")
    mine.run(f"pip wheel --wheel-dir {tmp_path} {root}", folder=tmp_path)
    (wheel,) = tmp_path.glob("metier-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name.partition("metier/testing/scaffold/")[2] for name in archive.namelist()}
    kept = root / "sdk" / "metier" / "testing" / "scaffold"
    for file in ("template/.github/workflows/test.yml", "template/.gitignore"):
        assert file in held
        assert (kept / file).is_file()
    assert not [name for name in held if "__pycache__" in name]


def test_the_name_stands_everywhere_and_the_template_s_nowhere(tmp_path: Path) -> None:
    folder = create("house_style", into=tmp_path)
    files = [file for file in folder.rglob("*") if file.is_file()]
    names = {str(file.relative_to(folder)) for file in files}
    assert {"metier_house_style/domain.toml", "tests/test_house_style.py"} <= names
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert not [word for word in ("my_expert", "MyExpert", "my-expert") if word in text]
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    points = project["entry-points"]["metier.experts"]
    assert (project["name"], points) == (
        "metier-house-style",
        {"house_style": "metier_house_style:HouseStyle"},
    )


def test_the_author_s_own_file_is_short(tmp_path: Path) -> None:
    code = create("tea", into=tmp_path) / "metier_tea" / "__init__.py"
    assert len(code.read_text().splitlines()) <= 40


def test_a_declarative_expert_has_no_code_but_its_tests(tmp_path: Path) -> None:
    folder = create("tea", into=tmp_path, kind="card")
    files = {file.name: file.read_text() for file in folder.rglob("*.py")}
    assert files.keys() == {"__init__.py", "test_tea.py"}
    assert len(files["__init__.py"].splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Tea", "an expert cannot be called 'Tea'"),
        ("", "an expert cannot be called ''"),
        ("../tea", "an expert cannot be called '../tea'"),
        ("class", "an expert cannot be called 'class'"),
        ("math", "there is an expert 'math'"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name: str, message: str, tmp_path: Path) -> None:
    arguments = ["experts", "new", name, "--into", str(tmp_path)]
    done = CliRunner().invoke(cli, arguments, prog_name="metier")
    assert done.exit_code == 2
    assert message in done.stderr
    assert list(tmp_path.glob("metier-*")) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "metier-tea").mkdir()
    with pytest.raises(InvalidInput, match="is there already"):
        create("tea", into=tmp_path)
    assert list((tmp_path / "metier-tea").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="cannot be made"):
        create("tea", into=tmp_path / "file")


def test_a_new_strategy_is_installed_listed_and_passes_its_tests(tmp_path: Path) -> None:
    mine = environment(tmp_path / "venv")
    mine.run("metier experts new most_polite --strategy", folder=tmp_path)
    project = tmp_path / "metier-most-polite"
    mine.run("pip install -e .", folder=project)
    assert "most_polite" in mine.run("metier strategies list", folder=tmp_path).stdout
    assert " passed" in mine.run("pytest -q -p no:cacheprovider", folder=project).stdout
