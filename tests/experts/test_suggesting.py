"""Better models for an expert, by the memory of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from metier.experts.card import Card, read_card
from metier.experts.suggesting import suggested
from metier.models.library import library_size_bytes
from metier.models.opening import left_for_models

GIB = 1 << 30
DOMAINS = Path(__file__).parents[2] / "domains"
CARD = Card(
    id="code", description="code", models=("qwen3-coder:30b", "qwen2.5-coder:7b", "mine:1b")
)


@pytest.mark.parametrize(
    ("runs_on", "memory_bytes", "better"),
    [
        ("mine:1b", 32 * GIB, "qwen3-coder:30b"),
        ("mine:1b", 8 * GIB, "qwen2.5-coder:7b"),
        ("qwen2.5-coder:7b", 8 * GIB, None),
        ("qwen3-coder:30b", 8 * GIB, None),
        ("other:70b", 8 * GIB, "qwen2.5-coder:7b"),
        (None, 2 * GIB, "mine:1b"),
        (None, None, "qwen3-coder:30b"),
    ],
    ids=[
        "the first of the card",
        "the first that fits",
        "it runs on that already",
        "it runs on a better one",
        "it runs on one that the card does not name",
        "it has none",
        "the memory is not known",
    ],
)
def test_the_first_model_of_the_card_that_fits_is_better_than_what_comes_after(
    runs_on: str | None, memory_bytes: int | None, better: str | None
) -> None:
    assert suggested(CARD, runs_on=runs_on, memory_bytes=memory_bytes).better == better


def test_a_better_model_that_is_installed_already_is_known() -> None:
    found = suggested(CARD, runs_on="mine:1b", installed=["qwen3-coder:30b"])
    assert found.installed


@pytest.mark.parametrize(
    ("name", "gigabytes"),
    [("qwen2.5-coder:7b", 4.7), ("x:7b", 4.55), ("x:7b-q8_0", 7.7), ("hf.co/a/x:500m", 0.325)],
)
def test_the_size_of_a_model_is_known_or_told_by_its_tag(name: str, gigabytes: float) -> None:
    assert library_size_bytes(name) == pytest.approx(gigabytes * 1e9)


def test_a_tag_without_a_size_tells_nothing() -> None:
    assert library_size_bytes("somebody/model:latest") is None


# The table of docs/models.md.
@pytest.mark.parametrize(
    ("expert", "expected"),
    [
        (
            "general",
            ["qwen3:4b-instruct", "gemma4:12b", "gemma4:26b", "qwen3-next:80b-a3b-instruct-q4_K_M"],
        ),
        (
            "math",
            [
                "qwen3:4b-instruct",
                "ministral-3:14b",
                "qwen3:30b-instruct",
                "qwen3-next:80b-a3b-instruct-q4_K_M",
            ],
        ),
        ("code", ["qwen2.5-coder:7b", "qwen2.5-coder:14b", "qwen3-coder:30b", "qwen3-coder-next"]),
        ("medical", ["medgemma1.5:4b", "gemma4:12b", "medgemma:27b", "medgemma:27b"]),
    ],
)
def test_the_shipped_cards_name_a_model_for_each_size_of_machine(
    expert: str, expected: list[str]
) -> None:
    card = read_card(DOMAINS / expert)
    for gib, better in zip((8, 16, 32, 64), expected, strict=True):
        memory = left_for_models(gib * GIB)
        assert suggested(card, runs_on="other:1b", memory_bytes=memory).better == better
    page = (DOMAINS.parent / "docs" / "models.md").read_text()
    assert all(f"`{name}`" in page for name in (*expected, *card.models))


@pytest.mark.parametrize("expert", ["general", "math", "code", "medical"])
def test_the_size_of_every_model_of_a_shipped_card_is_known(expert: str) -> None:
    assert all(map(library_size_bytes, read_card(DOMAINS / expert).models))
