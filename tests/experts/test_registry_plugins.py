"""Installed plugins: listed without being imported, and broken ones without harm."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import CODE, Site, domain

from metier.errors import InvalidCard, MetierError, PluginBroken
from metier.experts.registry import Registry
from metier.settings import Settings


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "site")
    site = Site(tmp_path / "site")
    yield site
    site.forget()


def installed(*domains: Path, strict: bool = False) -> Registry:
    return Registry.from_installed(Settings(domains=domains, strict_plugins=strict))


def reasons(registry: Registry, name: str) -> list[str]:
    return [str(skipped.error) for skipped in registry.broken if skipped.name == name]


def kitchen(site: Site, *, code: str = CODE, card: str | None = None) -> None:
    """A plugin that is a package."""
    site.install(
        "kitchen-plugin",
        {"kitchen": "kitchen_plugin:Plugin"},
        {
            "kitchen_plugin/__init__.py": code,
            "kitchen_plugin/domain.toml": card or domain("kitchen"),
        },
    )


def test_a_plugin_is_listed_without_being_imported(site: Site) -> None:
    kitchen(site, code="raise RuntimeError('imported')")
    registry = installed()
    assert registry.cards["kitchen"].description == "Something"
    assert "kitchen_plugin" not in sys.modules
    assert reasons(registry, "kitchen") == []


def test_a_plugin_is_imported_when_it_is_used(site: Site) -> None:
    kitchen(site)
    expert = installed().expert("kitchen")
    assert type(expert).__module__ == "kitchen_plugin"
    assert list(expert.tools) == ["double"]


@pytest.mark.parametrize(
    ("module", "code", "card"),
    [
        ("oven", "oven/__init__.py", "oven/domain.toml"),
        ("oven_module", "oven_module.py", "domain.toml"),
        ("oven_parts.bake", "oven_parts/bake.py", "oven_parts/domain.toml"),
        ("oven_deep.a.bake", "oven_deep/a/bake/__init__.py", "oven_deep/a/bake/domain.toml"),
        ("oven_names.a.bake", "oven_names/a/bake.py", "oven_names/a/domain.toml"),
    ],
    ids=["package", "module", "module in a package", "nested package", "namespace"],
)
def test_the_card_of_a_plugin_lies_beside_its_module(
    site: Site, module: str, code: str, card: str
) -> None:
    files = {code: CODE, card: domain("oven")}
    if module == "oven_deep.a.bake":
        files |= {"oven_deep/__init__.py": "raise RuntimeError('imported')"}
    site.install("oven-plugin", {"oven": f"{module}:Plugin"}, files)
    registry = installed()
    assert reasons(registry, "oven") == []
    assert registry.entries["oven"].origin == str(site.folder / card)
    assert module.partition(".")[0] not in sys.modules


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named"),
        ("raise RuntimeError('no oven')", "RuntimeError: no oven"),
        ("import sys\nsys.exit('bye')", "SystemExit: bye"),
        ("x = (", "SyntaxError: "),
        ("x = 1", "AttributeError: "),
        ("class Plugin:\n    def __init__(self, card):\n        pass", "is no metier.Expert"),
        ("Plugin = 3", "TypeError: "),
        (
            CODE + "\n    def __init__(self, card):\n        raise KeyError('oven')",
            "KeyError: 'oven'",
        ),
        (CODE + "\n    def __init__(self):\n        pass", "TypeError: "),
    ],
    ids=[
        "an import that fails",
        "an import that raises",
        "an import that exits",
        "no Python",
        "no such class",
        "a class that is no Expert",
        "no class",
        "a constructor that raises",
        "a constructor that takes no card",
    ],
)
def test_broken_code_is_listed_when_it_is_used_and_the_rest_works(
    site: Site, code: str, words: str
) -> None:
    kitchen(site, code=code)
    registry = installed()
    with pytest.raises(PluginBroken) as caught:
        registry.expert("kitchen")
    assert "plugin 'kitchen' is broken" in str(caught.value)
    assert words in str(caught.value)
    assert reasons(registry, "kitchen") == [str(caught.value)]
    assert registry.expert("general").id == "general"


def test_broken_code_is_listed_once_however_often_it_is_used(site: Site) -> None:
    kitchen(site, code="raise RuntimeError('no oven')")
    registry = installed()
    for _ in range(3):
        with pytest.raises(PluginBroken):
            registry.expert("kitchen")
    assert len(reasons(registry, "kitchen")) == 1


def test_a_tool_of_a_broken_plugin_is_not_there(site: Site) -> None:
    kitchen(site, code="raise RuntimeError('no oven')")
    assert installed().tool("kitchen.double") is None


@pytest.mark.parametrize(
    ("value", "files", "words"),
    [
        ("no_such_plugin:Plugin", {}, "module 'no_such_plugin' of 'no_such_plugin:Plugin' is not"),
        ("shed:Plugin", {"shed/__init__.py": CODE}, "domain.toml does not exist"),
        ("shed.no.such:Plugin", {"shed/__init__.py": ""}, "module 'shed.no.such' is not installed"),
        ("not a module!", {}, "'not a module!'"),
        ("shed", {"shed/__init__.py": CODE, "shed/domain.toml": "api = "}, "is not valid TOML"),
        ("shed", {"shed/__init__.py": CODE, "shed/domain.toml": "api = 2"}, "reads api = 1"),
        (
            "shed",
            {"shed/__init__.py": CODE, "shed/domain.toml": domain("hut")},
            "the id 'hut' differs from the entry point's 'shed'",
        ),
    ],
    ids=[
        "not installed",
        "no card",
        "no such submodule",
        "no entry point",
        "no TOML",
        "another API version",
        "another id",
    ],
)
def test_a_plugin_without_a_usable_card_is_listed_and_skipped(
    site: Site, value: str, files: dict[str, str], words: str
) -> None:
    site.install("shed-plugin", {"shed": value}, files)
    registry = installed()
    assert "shed" not in registry.entries
    assert [words in reason for reason in reasons(registry, "shed")] == [True]


@pytest.mark.parametrize("value", ["no_such_plugin:Plugin", "not a module!"])
def test_a_strict_registry_raises_what_is_wrong_with_a_plugin(site: Site, value: str) -> None:
    site.install("shed-plugin", {"shed": value})
    with pytest.raises(MetierError, match=value):
        installed(strict=True)


def test_a_strict_registry_raises_what_is_wrong_with_code_once(site: Site) -> None:
    kitchen(site, code="raise RuntimeError('no oven')")
    with pytest.raises(PluginBroken, match="no oven"):
        installed(strict=True).expert("kitchen")


def test_what_is_left_of_a_distribution_is_listed_and_skipped(site: Site) -> None:
    site.write("attic-1.0.dist-info/entry_points.txt", "[metier.experts]\nattic = attic:Plugin\n")
    assert len(reasons(installed(), "attic")) == 1


def test_of_two_plugins_with_one_id_the_first_stays_and_both_are_named(site: Site) -> None:
    kitchen(site)
    files = {"other_kitchen/__init__.py": CODE, "other_kitchen/domain.toml": domain("kitchen")}
    site.install("other-kitchen", {"kitchen": "other_kitchen:Plugin"}, files)
    registry = installed()
    (reason,) = reasons(registry, "kitchen")
    assert "kitchen_plugin:Plugin" in reason
    assert "other_kitchen:Plugin" in reason
    assert str(site.folder) in reason
    assert registry.expert("kitchen").id == "kitchen"


def test_a_folder_gives_the_card_and_a_plugin_of_its_id_the_code(
    site: Site, tmp_path: Path
) -> None:
    kitchen(site)
    file = tmp_path / "domains" / "kitchen" / "domain.toml"
    file.parent.mkdir(parents=True)
    file.write_text(domain("kitchen", description="From the folder"))
    registry = installed(tmp_path / "domains")
    expert = registry.expert("kitchen")
    assert expert.card.description == "From the folder"
    assert list(expert.tools) == ["double"]
    assert registry.entries["kitchen"].origin == str(file)
    assert reasons(registry, "kitchen") == []


def test_a_folder_stays_an_expert_where_its_plugin_is_not_installed(
    site: Site, tmp_path: Path
) -> None:
    site.install("shed-plugin", {"shed": "no_such_plugin:Plugin"})
    file = tmp_path / "domains" / "shed" / "domain.toml"
    file.parent.mkdir(parents=True)
    file.write_text(domain("shed"))
    registry = installed(tmp_path / "domains")
    assert registry.expert("shed").id == "shed"
    assert len(reasons(registry, "shed")) == 1


def test_a_broken_card_in_a_folder_does_not_stand_in_the_plugin_s_way(
    site: Site, tmp_path: Path
) -> None:
    kitchen(site)
    file = tmp_path / "domains" / "kitchen" / "domain.toml"
    file.parent.mkdir(parents=True)
    file.write_text("api = ")
    registry = installed(tmp_path / "domains")
    assert registry.entries["kitchen"].origin == str(site.folder / "kitchen_plugin/domain.toml")
    assert [type(skipped.error) for skipped in registry.broken if skipped.name == "kitchen"] == [
        InvalidCard
    ]
