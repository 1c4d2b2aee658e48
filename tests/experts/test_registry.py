"""Which experts are there: domain folders, and experts given in code."""

from __future__ import annotations

from pathlib import Path

import pytest
from sites import domain

from metier.errors import InvalidCard, UnknownExpert
from metier.experts.card import Capability, Card
from metier.experts.expert import Expert
from metier.experts.registry import Registry, builtin_domains
from metier.experts.tools import tool
from metier.settings import Settings

CARD = Card(
    id="cooking",
    description="Recipes",
    capabilities=(Capability(name="scale", description="Scale a recipe"),),
)


class Cooking(Expert):
    @tool
    def scale(self, grams: float, servings: int) -> float:
        """Scale an amount."""
        return grams * servings


def folder(root: Path, name: str, text: str) -> Path:
    (root / name).mkdir(parents=True, exist_ok=True)
    file = root / name / "domain.toml"
    file.write_text(text, encoding="utf-8")
    return file


def installed(*domains: Path, strict: bool = False) -> Registry:
    return Registry.from_installed(Settings(domains=domains, strict_plugins=strict))


def reasons(registry: Registry) -> dict[str, str]:
    return {skipped.name: str(skipped.error) for skipped in registry.broken}


def test_the_domains_that_come_with_metier_are_there() -> None:
    assert {"general", "math", "code", "medical"} <= set(installed().entries)


def test_a_domain_folder_alone_is_an_expert(tmp_path: Path) -> None:
    file = folder(tmp_path / "more", "cooking", domain("cooking"))
    registry = installed(tmp_path / "more")
    assert type(registry.expert("cooking")) is Expert
    assert registry.entries["cooking"].origin == str(file)


def test_the_user_s_own_domains_beside_the_settings_are_there(tmp_path: Path) -> None:
    folder(tmp_path / "domains", "knitting", domain("knitting"))
    settings = Settings.load(file=tmp_path / "config.toml", environment={})
    assert "knitting" in Registry.from_installed(settings).entries


def test_several_folders_are_read_in_their_order(tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder(tmp_path / name, "cooking", domain("cooking", description=name))
    registry = installed(tmp_path / "b", tmp_path / "a")
    assert registry.cards["cooking"].description == "b"


def test_the_name_of_a_folder_does_not_matter(tmp_path: Path) -> None:
    folder(tmp_path, "My Kitchen", domain("cooking"))
    assert "cooking" in installed(tmp_path).entries


def test_a_folder_that_is_not_there_adds_nothing(tmp_path: Path) -> None:
    assert installed(tmp_path / "none").entries.keys() == installed().entries.keys()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("api = ", "is not valid TOML"),
        (domain("Cooking"), "id = 'Cooking'"),
        (domain("cooking").replace("api = 1", "api = 2"), "reads api = 1"),
    ],
    ids=["no TOML", "an id that is none", "another API version"],
)
def test_a_broken_domain_is_listed_with_its_reason_and_the_rest_works(
    tmp_path: Path, text: str, words: str
) -> None:
    file = folder(tmp_path, "broken", text)
    folder(tmp_path, "cooking", domain("cooking"))
    registry = installed(tmp_path)
    assert words in reasons(registry)["broken"]
    assert str(file) in reasons(registry)["broken"]
    assert registry.expert("cooking").id == "cooking"


def test_of_two_folders_with_one_id_the_first_stays_and_both_are_named(tmp_path: Path) -> None:
    first = folder(tmp_path, "a", domain("cooking", description="first"))
    later = folder(tmp_path, "b", domain("cooking", description="later"))
    registry = installed(tmp_path)
    assert registry.cards["cooking"].description == "first"
    assert reasons(registry)["cooking"].startswith(
        f"the id 'cooking' of {later} is taken by {first}"
    )


def test_a_folder_does_not_take_the_place_of_one_that_comes_with_metier(tmp_path: Path) -> None:
    folder(tmp_path, "math", domain("math"))
    registry = installed(tmp_path)
    assert str(builtin_domains() / "math" / "domain.toml") in reasons(registry)["math"]


def test_a_strict_registry_raises_the_first_problem(tmp_path: Path) -> None:
    folder(tmp_path, "broken", "api = ")
    with pytest.raises(InvalidCard, match="is not valid TOML"):
        installed(tmp_path, strict=True)


def test_an_expert_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownExpert, match=r"'coking'.*nearest: 'cooking'"):
        Registry.of([Cooking(CARD)]).expert("coking")


def test_experts_given_in_code_are_the_only_ones() -> None:
    expert = Cooking(CARD)
    registry = Registry.of([expert])
    assert registry.expert("cooking") is expert
    assert list(registry.entries) == ["cooking"]


def test_the_origin_of_an_expert_given_in_code_is_its_class() -> None:
    registry = Registry.of([Cooking(CARD)])
    assert registry.entries["cooking"].origin == f"{__name__}.Cooking"


def test_an_expert_given_in_code_takes_the_place_of_one_with_its_id() -> None:
    card = CARD.model_copy(update={"description": "Better recipes"})
    registry = Registry.of([Cooking(CARD), Cooking(card)])
    assert registry.cards == {"cooking": card}
    assert registry.expert("cooking").card == card


def test_an_expert_is_built_once(tmp_path: Path) -> None:
    folder(tmp_path, "cooking", domain("cooking"))
    registry = installed(tmp_path)
    assert registry.expert("cooking") is registry.expert("cooking")


def test_a_tool_is_found_by_expert_and_name() -> None:
    found = Registry.of([Cooking(CARD)]).tool("cooking.scale")
    assert found is not None
    assert found.call(100, servings=3) == 300


@pytest.mark.parametrize("name", ["cooking.fry", "math.convert", "cooking", ""])
def test_a_tool_that_is_not_there_is_none(name: str) -> None:
    assert Registry.of([Cooking(CARD)]).tool(name) is None
