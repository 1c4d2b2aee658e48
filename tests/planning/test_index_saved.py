"""A saved index: what is trusted, what is embedded again, and what a large one does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metier.errors import IndexUnavailable
from metier.experts.card import Capability, Card
from metier.planning.index import CapabilityIndex, index_folder, synchronised
from metier.testing import FixedEmbedder

pytestmark = pytest.mark.anyio

EMBEDDER = "fixed/256"


def card(name: str, *examples: str) -> Card:
    capability = Capability(name="help", description=f"Help with {name}", examples=examples)
    return Card(id=name, description=name, capabilities=(capability,))


MATH, CODE = card("math", "add two numbers"), card("code", "sort a list", "write a loop")


async def saved(folder: Path, *cards: Card) -> CapabilityIndex:
    index, _ = await synchronised(None, cards or (MATH, CODE), FixedEmbedder())
    index.save(folder)
    return index


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        file = folder / "rows.json"
        meta = json.loads(file.read_text())
        change(meta)
        file.write_text(json.dumps(meta))

    return edit


def cut(name: str) -> Callable[[Path], object]:
    def cut_off(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) // 2])

    return cut_off


def garbage(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


async def test_rows_are_saved_with_the_names_that_later_versions_read(tmp_path: Path) -> None:
    await saved(tmp_path, Card(id="math", description="m", capabilities=(
        Capability(name="help_out", description="d", examples=("e",), counterexamples=("c",)),
    )))  # fmt: skip
    assert json.loads((tmp_path / "rows.json").read_text())["rows"] == [
        [0, "math", "help_out", "name", "help out"],
        [1, "math", "help_out", "description", "d"],
        [2, "math", "help_out", "example", "e"],
        [3, "math", "help_out", "counterexample", "c"],
    ]


async def test_a_saved_index_is_loaded_as_it_was(tmp_path: Path) -> None:
    index = await saved(tmp_path)
    loaded = CapabilityIndex.load(tmp_path, embedder_id=EMBEDDER)
    assert loaded is not None
    assert (loaded.rows, loaded.experts) == (index.rows, index.experts)
    assert loaded.hash() == index.hash()


async def test_a_loaded_index_takes_more_experts(tmp_path: Path) -> None:
    await saved(tmp_path, MATH)
    loaded = CapabilityIndex.load(tmp_path, embedder_id=EMBEDDER)
    assert loaded is not None
    index, _ = await synchronised(loaded, [MATH, CODE], FixedEmbedder())
    ((best,),) = index.search(await FixedEmbedder().embed(["write a loop"]), k=1)
    assert best.row.text == "write a loop"


async def test_an_empty_index_survives_saving(tmp_path: Path) -> None:
    CapabilityIndex(EMBEDDER, 256).save(tmp_path)
    loaded = CapabilityIndex.load(tmp_path, embedder_id=EMBEDDER)
    assert loaded is not None
    assert len(loaded) == 0


def test_saving_again_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    for number in range(2):
        CapabilityIndex(f"fixed/{number}", 8).save(tmp_path)
    assert CapabilityIndex.load(tmp_path, embedder_id="fixed/0") is None
    assert CapabilityIndex.load(tmp_path, embedder_id="fixed/1") is not None
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == [".lock", "rows.json", "vectors.faiss"]


async def test_the_index_of_another_embedder_is_not_loaded(tmp_path: Path) -> None:
    await saved(tmp_path)
    assert CapabilityIndex.load(tmp_path, embedder_id="fixed/64") is None


async def test_the_index_of_other_weights_of_the_embedder_is_not_loaded(tmp_path: Path) -> None:
    index, _ = await synchronised(None, [MATH], FixedEmbedder(), weights="1")
    index.save(tmp_path)
    assert CapabilityIndex.load(tmp_path, embedder_id=EMBEDDER, weights="2") is None
    for known in ("1", ""):  # those of a server that does not say are taken for the same
        loaded = CapabilityIndex.load(tmp_path, embedder_id=EMBEDDER, weights=known)
        assert loaded is not None
        assert (loaded.weights, loaded.hash()) == ("1", index.hash())
    other, _ = await synchronised(None, [MATH], FixedEmbedder(), weights="2")
    assert other.hash() != index.hash()


@pytest.mark.parametrize(
    "damage",
    [
        cut("vectors.faiss"),
        cut("rows.json"),
        garbage("vectors.faiss", b""),
        garbage("vectors.faiss", b"\xff" * 1000),
        garbage("rows.json", b""),
        garbage("rows.json", b"\xff\xfe"),
        garbage("rows.json", b"[]"),
        garbage("rows.json", b"null"),
        garbage("rows.json", b"[" * 100_000),
        lambda folder: (folder / "vectors.faiss").unlink(),
        lambda folder: (folder / "rows.json").unlink(),
        edited(lambda meta: meta.update(format=1)),
        edited(lambda meta: meta.update(dimension=8)),
        edited(lambda meta: meta.update(next_id=0)),
        edited(lambda meta: meta.update(rows=meta["rows"][1:])),
        edited(lambda meta: meta.update(rows=[[i + 7, *row] for i, *row in meta["rows"]])),
        edited(lambda meta: meta.update(rows=[[i, "code", *row] for i, _, *row in meta["rows"]])),
        edited(lambda meta: meta.update(rows=[[*row[:-1], "other"] for row in meta["rows"]])),
        edited(lambda meta: meta.update(experts={"math": "0"})),
        edited(lambda meta: meta.pop("experts")),
        edited(lambda meta: meta.pop("sha256")),
    ],
    ids=lambda damage: None,
)
async def test_a_damaged_index_is_not_loaded(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    await saved(tmp_path)
    damage(tmp_path)
    assert CapabilityIndex.load(tmp_path, embedder_id=EMBEDDER) is None


async def test_the_vectors_of_another_index_are_not_loaded(tmp_path: Path) -> None:
    await saved(tmp_path / "one", MATH)
    await saved(tmp_path / "other", CODE)
    (tmp_path / "one" / "vectors.faiss").replace(tmp_path / "other" / "vectors.faiss")
    assert CapabilityIndex.load(tmp_path / "other", embedder_id=EMBEDDER) is None


def test_there_is_none_to_load_where_nothing_was_saved(tmp_path: Path) -> None:
    assert CapabilityIndex.load(tmp_path / "none", embedder_id=EMBEDDER) is None


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(IndexUnavailable, match="METIER_CACHE_DIR") as caught:
        await saved(tmp_path / "file" / "index")
    assert str(tmp_path / "file" / "index") in str(caught.value)


def test_each_embedder_has_a_folder_of_its_own(tmp_path: Path) -> None:
    names = ["ollama/all-minilm", "ollama/all-minilm:v2", "../../up", "fixed/256"]
    folders = [index_folder(tmp_path, name) for name in names]
    assert len(set(folders)) == len(names)
    assert {folder.resolve().parent for folder in folders} == {(tmp_path / "index").resolve()}


async def test_only_new_and_changed_cards_are_embedded() -> None:
    embedder = FixedEmbedder()
    index, _ = await synchronised(None, [MATH, CODE], embedder)
    embedder.calls.clear()
    new = [card("math", "subtract"), CODE, card("medical", "a cough")]
    index, changed = await synchronised(index, new, embedder)
    assert embedder.calls == [
        ["help", "Help with math", "help", "Help with medical"],
        ["subtract", "a cough"],
    ]
    assert changed
    assert sorted(index.experts) == ["code", "math", "medical"]


@pytest.mark.parametrize(
    ("cards", "changed"),
    [((MATH, CODE), False), ((CODE, MATH), False), ((MATH,), True), ((), True)],
)
async def test_nothing_is_embedded_where_no_card_is_new(
    cards: tuple[Card, ...], *, changed: bool
) -> None:
    embedder = FixedEmbedder()
    index, _ = await synchronised(None, [MATH, CODE], embedder)
    embedder.calls.clear()
    index, differs = await synchronised(index, cards, embedder)
    assert embedder.calls == []
    assert (set(index.experts), differs) == ({each.id for each in cards}, changed)


@pytest.mark.parametrize("dimension", [64, 512])
async def test_another_dimension_rebuilds_the_index(dimension: int) -> None:
    index, _ = await synchronised(None, [MATH, CODE], FixedEmbedder())
    index, changed = await synchronised(index, [MATH, CODE], FixedEmbedder(dimension))
    assert (index.dimension, index.embedder_id, changed) == (dimension, f"fixed/{dimension}", True)
    assert sorted(index.experts) == ["code", "math"]


class Renewed(FixedEmbedder):
    """A model that was replaced under its old name."""

    @property
    def id(self) -> str:
        return EMBEDDER


async def test_vectors_of_another_length_under_the_same_name_rebuild_the_index() -> None:
    index, _ = await synchronised(None, [MATH, CODE], FixedEmbedder())
    index, _ = await synchronised(index, [MATH, card("code", "sort")], Renewed(64))
    assert (index.dimension, sorted(index.experts)) == (64, ["code", "math"])


async def test_a_card_without_capabilities_is_no_reason_to_embed() -> None:
    embedder = FixedEmbedder()
    index, _ = await synchronised(None, [MATH], embedder)
    embedder.calls.clear()
    index, changed = await synchronised(index, [MATH, Card(id="mute", description="-")], embedder)
    assert (embedder.calls, changed, sorted(index.experts)) == ([], True, ["math", "mute"])


async def test_no_cards_are_an_empty_index() -> None:
    index, changed = await synchronised(None, [], FixedEmbedder())
    assert (len(index), changed) == (0, True)
