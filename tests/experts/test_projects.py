"""Experts in a folder of their author: found, read and used without being installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import CODE, ENDLESS, Site, domain

from metier.errors import InvalidCard, InvalidInput, PluginBroken
from metier.experts.projects import project_at
from metier.experts.registry import Registry
from metier.settings import Settings

PYPROJECT = """\
[project]
name = "metier-{id}"
version = "1"
[project.entry-points."metier.experts"]
{id} = "{value}"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    site = Site(tmp_path / "metier-kettle")
    yield site
    site.forget()


def kettle(
    project: Site, *, value: str = "kettle_pkg:Plugin", code: str = CODE, root: str = ""
) -> None:
    project.write("pyproject.toml", PYPROJECT.format(id="kettle", value=value))
    project.write(f"{root}kettle_pkg/__init__.py", code)
    project.write(f"{root}kettle_pkg/domain.toml", domain("kettle"))


def installed(*, load_timeout_s: float = 60) -> Registry:
    return Registry.from_installed(Settings(plugin_timeout_s=load_timeout_s))


@pytest.mark.parametrize("root", ["", "src/"])
@pytest.mark.parametrize("inside", ["", "kettle_pkg", "kettle_pkg/domain.toml"])
def test_a_project_is_found_by_its_folder_its_package_and_its_card(
    project: Site, root: str, inside: str
) -> None:
    kettle(project, root=root)
    path = project.folder / root / inside if inside else project.folder
    registry = installed()
    assert registry.add_at(path) == ("kettle",)
    assert list(registry.expert("kettle").tools) == ["double"]


def test_adding_a_project_runs_none_of_its_code(project: Site) -> None:
    kettle(project, code="raise RuntimeError('imported')")
    registry = installed()
    registry.add_at(project.folder)
    assert "kettle_pkg" not in sys.modules
    with pytest.raises(PluginBroken, match="RuntimeError: imported"):
        registry.expert("kettle")


def test_a_folder_with_a_card_alone_is_an_expert(tmp_path: Path) -> None:
    Site(tmp_path).write("tea/domain.toml", domain("tea"))
    registry = installed()
    assert registry.add_at(tmp_path / "tea") == ("tea",)
    assert registry.expert("tea").id == "tea"


def test_an_entry_point_of_a_package_without_a_class_is_a_card_alone(project: Site) -> None:
    kettle(project, value="kettle_pkg", code="raise RuntimeError('imported')")
    registry = installed()
    registry.add_at(project.folder)
    assert registry.entries["kettle"].code is None
    assert registry.expert("kettle").tools == {}


def test_one_that_is_installed_makes_room(project: Site) -> None:
    kettle(project)
    project.write("kettle_pkg/domain.toml", domain("kettle", description="newer"))
    older = Site(project.folder.parent / "older")
    older.write("domain.toml", domain("kettle"))
    registry = installed()
    registry.add_at(older.folder)
    assert registry.expert("kettle").card.description == "Something"
    registry.add_at(project.folder)
    assert registry.expert("kettle").card.description == "newer"


def test_a_project_without_a_card_gives_the_code_to_a_domain_folder(project: Site) -> None:
    kettle(project)
    (project.folder / "kettle_pkg" / "domain.toml").rename(project.folder / "domain.toml")
    folder = Site(project.folder.parent / "domains")
    folder.write("kettle/domain.toml", domain("kettle", description="From the folder"))
    registry = Registry.from_installed(Settings(domains=(folder.folder,)))
    registry.add_at(project.folder)
    expert = registry.expert("kettle")
    assert (expert.card.description, list(expert.tools)) == ("From the folder", ["double"])


def test_a_card_of_a_project_that_does_not_name_it_stands_alone(project: Site) -> None:
    kettle(project)
    card = project.write("docs/example/domain.toml", domain("example"))
    assert project_at(card).points == ()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no expert: no domain.toml, and no pyproject.toml with experts"),
        ({"pyproject.toml": "[project"}, "pyproject.toml cannot be read: "),
        ({"pyproject.toml": "[project]\nentry-points = 3"}, "holds no expert"),
    ],
    ids=["empty", "no TOML", "no table"],
)
def test_a_folder_without_an_expert_says_what_is_missing(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    for name, text in files.items():
        Site(tmp_path).write(name, text)
    with pytest.raises(InvalidInput, match="pyproject") as caught:
        installed().add_at(tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_pkg:Plugin", "'no_such_pkg' of .* is not installed"),
        ("no name!", "names no class"),
    ],
)
def test_an_entry_point_that_leads_nowhere_is_named(
    project: Site, value: str, message: str
) -> None:
    kettle(project, value=value)
    with pytest.raises(PluginBroken, match=message):
        installed().add_at(project.folder)


def test_a_card_of_another_id_is_named_with_the_cure(project: Site) -> None:
    kettle(project)
    project.write("kettle_pkg/domain.toml", domain("pot"))
    with pytest.raises(InvalidCard, match=r"'pot' differs from .* 'kettle'") as caught:
        installed().add_at(project.folder)
    assert "Write `id = 'kettle'`" in caught.value.hint


def test_an_import_that_never_ends_is_broken_after_its_deadline_and_stays_so(project: Site) -> None:
    kettle(project, code=ENDLESS)
    registry = installed(load_timeout_s=0.2)
    registry.add_at(project.folder)
    for _ in range(2):
        with pytest.raises(PluginBroken, match=r"did not end within 0\.2 s"):
            registry.expert("kettle")
    assert [broken.name for broken in registry.broken] == ["kettle"]
    assert registry.expert("general").id == "general"
