"""Which model an expert runs on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from metier.errors import ModelMissing
from metier.experts.card import Card
from metier.experts.model_choice import ModelChooser, full_name
from metier.models.opening import left_for_models, physical_memory_bytes
from metier.models.server import InstalledModel, ModelDetails
from metier.testing import ScriptedModels

pytestmark = pytest.mark.anyio

GIB = 1 << 30


class Shelf(ScriptedModels):
    """A server that has models of these sizes, and counts how often it is asked for them.

    Those with `bge` in their name only embed.
    """

    def __init__(self, sizes: Mapping[str, int], *, remote: str = "") -> None:
        super().__init__()
        self.sizes = dict(sizes)
        self.remote = remote
        self.asked = 0

    async def list(self) -> Sequence[InstalledModel]:
        self.asked += 1
        return [
            InstalledModel(name=name, size_bytes=size, remote=name == self.remote)
            for name, size in self.sizes.items()
        ]

    async def show(self, model: str) -> ModelDetails:
        kind = "embedding" if "bge" in model else "completion"
        return ModelDetails(name=model, capabilities=frozenset({kind}))


def card(name: str, *models: str) -> Card:
    return Card(id=name, description=name, models=models)


GENERAL = card("general", "talker:7b", "talker:1b")


@pytest.mark.parametrize(
    ("installed", "models", "general_model", "expected"),
    [
        (["coder:7b", "coder:1b"], ["coder:7b", "coder:1b"], None, "coder:7b"),
        (["coder:1b", "coder:7b"], ["coder:7b", "coder:1b"], None, "coder:7b"),
        (["coder:1b", "talker:7b"], ["coder:7b", "coder:1b"], None, "coder:1b"),
        (["talker:1b"], ["coder:7b"], None, "talker:1b"),
        (["talker:1b", "own:1b"], ["coder:7b"], "own:1b", "own:1b"),
        (["coder:7b", "own:1b"], ["coder:7b"], "own:1b", "coder:7b"),
        (["talker:1b"], [], None, "talker:1b"),
        (["coder:latest"], ["coder"], None, "coder:latest"),
        (["hub.io/a/coder:latest"], ["hub.io/a/coder"], None, "hub.io/a/coder:latest"),
    ],
    ids=[
        "the first",
        "the first of the card, not of the server",
        "the second where the first is not there",
        "the general card's where none is there",
        "the general model before the general card's",
        "its own before the general model",
        "the general card's where it names none",
        "a name without a tag",
        "a path without a tag",
    ],
)
async def test_an_expert_runs_on_the_first_model_that_is_there(
    installed: list[str], models: list[str], general_model: str | None, expected: str
) -> None:
    server = Shelf(dict.fromkeys(installed, 1))
    chooser = ModelChooser(server, general_model=general_model)
    assert (await chooser.model_for(card("code", *models), GENERAL)).name == expected


async def test_the_general_expert_runs_on_the_model_that_was_set() -> None:
    chooser = ModelChooser(Shelf({"talker:7b": 1, "own:1b": 1}), general_model="own:1b")
    assert (await chooser.model_for(GENERAL, GENERAL)).name == "own:1b"


async def test_the_model_that_was_set_is_not_replaced_by_another() -> None:
    chooser = ModelChooser(Shelf({"talker:7b": 1, "own:7b": 1}), general_model="own:1b")
    with pytest.raises(ModelMissing, match=r"'own:1b' is not installed.*'own:7b'"):
        await chooser.model_for(GENERAL, GENERAL)


@pytest.mark.parametrize(
    ("memory_bytes", "expected"),
    [(None, "coder:7b"), (16 * GIB, "coder:7b"), (4 * GIB, "coder:1b"), (1 * GIB, "tiny:1b")],
)
async def test_a_model_that_does_not_fit_in_memory_is_passed_over(
    memory_bytes: int | None, expected: str
) -> None:
    server = Shelf({"coder:7b": 5 * GIB, "coder:1b": 2 * GIB, "tiny:1b": GIB // 2})
    chooser = ModelChooser(server, memory_bytes=memory_bytes)
    chosen = await chooser.model_for(card("code", "coder:7b", "coder:1b", "tiny:1b"), None)
    assert chosen.name == expected


async def test_memory_must_hold_the_context_besides_the_weights() -> None:
    server = Shelf({"coder:7b": 4 * GIB, "coder:1b": GIB})
    chooser = ModelChooser(server, memory_bytes=4 * GIB + 1)
    assert (await chooser.model_for(card("code", "coder:7b", "coder:1b"), None)).name == "coder:1b"


@pytest.mark.parametrize(
    ("chances", "expected"),
    [
        ({"coder:1b": 0.4, "other:3b": 0.7}, "other:3b"),
        ({"coder:1b": 0.8, "other:3b": 0.7}, "coder:1b"),
        ({"coder:1b": 0.4, "gone:70b": 0.9}, "coder:1b"),
        ({"coder:1b": 0.4, "huge": 0.9}, "coder:1b"),
        ({"gone:70b": 0.9}, "coder:7b"),
        ({"other": 0.5}, "other:latest"),
        ({}, "coder:7b"),
    ],
    ids=[
        "one that no card names",
        "one that is not the first of the card",
        "the likeliest is not installed",
        "the likeliest does not fit in memory",
        "none of them is installed",
        "a name without a tag",
        "nothing was learnt",
    ],
)
async def test_the_likeliest_model_to_be_right_comes_first(
    chances: dict[str, float], expected: str
) -> None:
    names = ("coder:7b", "coder:1b", "other:3b", "other:latest")
    server = Shelf(dict.fromkeys(names, 1) | {"huge:latest": 9 * GIB})
    chooser = ModelChooser(server, memory_bytes=8 * GIB)
    code = card("code", "coder:7b", "coder:1b")
    assert (await chooser.model_for(code, GENERAL, chances=chances)).name == expected


async def test_what_was_learnt_does_not_replace_the_model_that_was_set() -> None:
    chooser = ModelChooser(Shelf({"own:1b": 1, "other:3b": 1}), general_model="own:1b")
    chosen = await chooser.model_for(GENERAL, GENERAL, chances={"other:3b": 0.9})
    assert chosen.name == "own:1b"


async def test_a_learnt_model_is_not_the_last_resort_to_get() -> None:
    with pytest.raises(ModelMissing, match="metier models pull coder:1b"):
        await ModelChooser(Shelf({})).model_for(
            card("code", "coder:1b"), None, chances={"gone:70b": 0.9}
        )


@pytest.mark.parametrize(
    ("models", "general", "missing"),
    [(["coder:7b", "coder:1b"], None, "coder:1b"), (["coder:7b"], GENERAL, "talker:1b")],
)
async def test_where_no_model_is_there_the_last_resort_is_named(
    models: list[str], general: Card | None, missing: str
) -> None:
    with pytest.raises(ModelMissing, match=f"metier models pull {missing}"):
        await ModelChooser(Shelf({})).model_for(card("code", *models), general)


async def test_an_expert_that_names_no_model_is_told_of_one_to_get() -> None:
    with pytest.raises(ModelMissing, match="metier models pull "):
        await ModelChooser(Shelf({})).model_for(card("code"), None)


async def test_the_server_is_asked_once() -> None:
    server = Shelf({"coder:1b": 1, "talker:1b": 1})
    chooser = ModelChooser(server)
    for _ in range(3):
        await chooser.model_for(card("code", "coder:1b"), GENERAL)
    await chooser.model_for(GENERAL, GENERAL)
    assert server.asked == 1


@pytest.mark.parametrize("general_model", [None, "talker:1b"])
async def test_a_model_that_was_pulled_meanwhile_is_seen(general_model: str | None) -> None:
    server = Shelf({"bge-m3:567m": 1})
    chooser = ModelChooser(server, general_model=general_model)
    with pytest.raises(ModelMissing):
        await chooser.model_for(GENERAL, GENERAL)
    server.sizes["talker:1b"] = 1
    assert (await chooser.model_for(GENERAL, GENERAL)).name == "talker:1b"


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        ({"llama3.2:3b": 2 * GIB}, "llama3.2:3b"),
        ({"llama3.2:1b": GIB, "qwen3:8b": 5 * GIB}, "qwen3:8b"),
        ({"bge-m3:567m": 6 * GIB, "smollm2:135m": 1}, "smollm2:135m"),
        ({"qwen3:8b": 5 * GIB, "qwen3:32b": 19 * GIB}, "qwen3:8b"),
        ({"gpt-oss:120b-cloud": 1, "llama3.2:1b": GIB}, "llama3.2:1b"),
        ({"remote:1t": 1, "llama3.2:1b": GIB}, "llama3.2:1b"),
        ({"deepseek-ocr:3b": 6 * GIB, "llama3.2:1b": GIB}, "llama3.2:1b"),
        ({"llava:13b": 7 * GIB, "llama3.2:1b": GIB}, "llama3.2:1b"),
        ({"llama-guard3:8b": 5 * GIB, "llama3.2:1b": GIB}, "llama3.2:1b"),
        ({"starcoder2:15b-base": 7 * GIB, "llama3.2:1b": GIB}, "llama3.2:1b"),
        ({"llama2:13b": 7 * GIB, "qwen3:4b": 3 * GIB}, "qwen3:4b"),
        ({"hf.co/a/coder:3b-q8_0": 3 * GIB, "qwen3:8b": 4 * GIB}, "hf.co/a/coder:3b-q8_0"),
        ({"coder:1b-q8_0": GIB, "qwen3:8b": 5 * GIB}, "qwen3:8b"),
    ],
    ids=[
        "the only one",
        "the largest",
        "no embedder",
        "none that does not fit",
        "none in the cloud",
        "none of another machine",
        "none that reads images",
        "none that sees",
        "none that judges",
        "none that was not taught to converse",
        "a new one before a larger one of 2023",
        "one of a family of the card before one a little larger",
        "a much larger one before the family of the card",
    ],
)
async def test_without_a_model_of_the_card_the_best_that_can_converse_is_taken(
    installed: dict[str, int], expected: str
) -> None:
    chooser = ModelChooser(Shelf(installed, remote="remote:1t"), memory_bytes=13 * GIB)
    chosen = await chooser.model_for(card("code", "coder:7b", "coder:0.5b"), GENERAL)
    assert chosen.name == expected


async def test_the_number_of_parameters_counts_not_how_they_are_stored() -> None:
    class Told(Shelf):
        async def list(self) -> Sequence[InstalledModel]:
            large = InstalledModel(name="a:8b", size_bytes=5 * GIB, parameters=8 * 10**9)
            exact = InstalledModel(name="b:3b-fp16", size_bytes=6 * GIB, parameters=3 * 10**9)
            return [exact, large]

    assert (await ModelChooser(Told({})).model_for(card("code"), None)).name == "a:8b"


async def test_a_model_that_stands_in_is_told_once() -> None:
    chooser = ModelChooser(Shelf({"llama3.2:3b": 1}))
    for name in ("code", "math"):
        await chooser.model_for(card(name, "coder:7b"), GENERAL)
    assert "metier models suggest" in (chooser.news_of("llama3.2:3b") or "")
    assert chooser.news_of("llama3.2:3b") is None


async def test_of_a_model_of_the_card_nothing_is_told() -> None:
    chooser = ModelChooser(Shelf({"coder:7b": 1}))
    await chooser.model_for(card("code", "coder:7b"), GENERAL)
    assert chooser.news_of("coder:7b") is None


@pytest.mark.parametrize(
    ("gib", "left"), [(4, 3), (8, 6), (16, 14), (64, 62)], ids=lambda value: f"{value}"
)
def test_the_system_keeps_some_memory_for_itself(gib: int, left: int) -> None:
    assert left_for_models(gib * GIB) == left * GIB


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("coder", "coder:latest"),
        ("coder:1b", "coder:1b"),
        ("hub.io:443/a/coder", "hub.io:443/a/coder:latest"),
        ("hub.io:443/a/coder:1b", "hub.io:443/a/coder:1b"),
    ],
)
def test_a_name_without_a_tag_means_the_latest(name: str, full: str) -> None:
    assert full_name(name) == full


def test_the_memory_of_this_machine_is_known_or_not() -> None:
    memory = physical_memory_bytes()
    assert memory is None or memory > GIB // 4


def test_a_container_has_no_more_memory_than_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlimited = physical_memory_bytes()
    monkeypatch.setattr("metier.models.opening._CONTAINER", tmp_path / "memory.max")
    (tmp_path / "memory.max").write_text("max\n")
    assert physical_memory_bytes() == unlimited
    (tmp_path / "memory.max").write_text("1000000\n")
    assert physical_memory_bytes() in (None, 1_000_000)
