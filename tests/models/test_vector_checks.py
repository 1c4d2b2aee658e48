"""What an embedder returns is checked before it is saved or compared with anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import metier
from metier import Card, Council, Expert, Settings
from metier.council.health.experts import index_state
from metier.errors import InvalidEmbedding
from metier.experts.card import Capability
from metier.experts.knowledge.store import KnowledgeBase
from metier.models.embedder import Role, Vectors
from metier.models.nearest import NearestVectors
from metier.models.ollama_embedder import OllamaEmbedder
from metier.models.vector_checks import checked, embedded
from metier.planning.index import CapabilityIndex
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

Damage = Callable[[Vectors], Any]


def with_number(number: float) -> Damage:
    def damage(vectors: Vectors) -> Vectors:
        vectors[-1, 0] = number
        return vectors

    return damage


def ragged(vectors: Vectors) -> list[Any]:
    return [*vectors.tolist()[:-1], [1.0, [2.0]]]


DAMAGES = {
    "NaN": (with_number(np.nan), "NaN or infinity in 1 of"),
    "infinite": (with_number(np.inf), "NaN or infinity in 1 of"),
    "too large": (lambda vectors: vectors.astype(np.float64) * 1e300, "NaN or infinity in"),
    "zero": (lambda vectors: vectors * 0, "a vector of zeros for"),
    "empty": (lambda vectors: vectors[:, :0], "empty vectors"),
    "none": (lambda vectors: [], "an array of shape"),
    "too few": (lambda vectors: np.concatenate([vectors, vectors]), "an array of shape"),
    "ragged": (ragged, "vectors of different lengths"),
    "text": (lambda vectors: "vectors", "something that is not a number"),
}


class Failing(FixedEmbedder):
    """Returns what `damage` makes of its vectors, for as long as there is a damage."""

    def __init__(self, damage: Damage | None = None, dimension: int = 256) -> None:
        super().__init__(dimension)
        self.damage = damage

    @property
    def id(self) -> str:
        return "fixed/failing"

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        vectors = await super().embed(texts, role=role)
        return self.damage(vectors) if self.damage else vectors


def council(embedder: FixedEmbedder) -> Council:
    capability = Capability(name="add", description="Add numbers", examples=("add two numbers",))
    card = Card(id="math", description="sums", capabilities=(capability,))
    return Council.of([Expert(card)], settings=Settings.load(), embedder=embedder)


damages = pytest.mark.parametrize(("damage", "problem"), DAMAGES.values(), ids=DAMAGES)


@damages
async def test_an_index_of_bad_vectors_is_refused_and_not_saved(
    damage: Damage, problem: str
) -> None:
    embedder = Failing(damage)
    with pytest.raises(InvalidEmbedding, match=f"'fixed/failing' returned .*{problem}"):
        await council(embedder).planning.index()
    assert CapabilityIndex.load(council(embedder).planning.folder, embedder_id=embedder.id) is None
    embedder.damage = None
    assert len(await council(embedder).planning.index()) == 3


@pytest.mark.parametrize("damage", [damage for damage, _ in DAMAGES.values()], ids=DAMAGES)
async def test_a_bad_vector_of_a_question_is_refused(damage: Damage) -> None:
    embedder = Failing()
    await council(embedder).planning.index()
    embedder.damage = damage
    with pytest.raises(InvalidEmbedding, match="'fixed/failing' returned"):
        await council(embedder).plan("add one and one")


@damages
async def test_documents_with_bad_vectors_are_refused_and_not_saved(
    damage: Damage, problem: str, tmp_path: Path
) -> None:
    embedder = Failing()
    (tmp_path / "good.md").write_text("Iron is taken in the morning.")
    (tmp_path / "other.md").write_text("Zinc is taken at night.")
    base = KnowledgeBase.open(tmp_path / "kept", embedder)
    await base.add(tmp_path / "good.md")
    embedder.damage = damage
    with pytest.raises(InvalidEmbedding, match=problem):
        await base.add(tmp_path / "other.md")
    with pytest.raises(InvalidEmbedding, match=problem):
        await base.search("iron")
    embedder.damage = None
    kept = KnowledgeBase.open(tmp_path / "kept", embedder)
    assert [entry.name for entry in kept.entries.values()] == ["good.md"]
    assert (await kept.search("iron"))[0].chunk.name == "good.md"


async def test_a_question_of_another_length_than_the_index_says_how_to_build_it_anew() -> None:
    await council(Failing()).planning.index()
    renewed = council(Failing(dimension=64))
    with pytest.raises(InvalidEmbedding, match="64 numbers, and the saved ones have 256") as raised:
        await renewed.plan("add one and one")
    assert "metier index build" in raised.value.hint
    await renewed.planning.index(fresh=True)
    assert (await council(Failing(dimension=64)).plan("add one and one")).steps


@pytest.mark.parametrize("then", ["add", "search"])
async def test_documents_are_embedded_anew_when_the_model_returns_another_length(
    then: str, tmp_path: Path
) -> None:
    (tmp_path / "good.md").write_text("Iron is taken in the morning.")
    (tmp_path / "other.md").write_text("Zinc is taken at night.")
    await KnowledgeBase.open(tmp_path / "kept", Failing()).add(tmp_path / "good.md")
    base = KnowledgeBase.open(tmp_path / "kept", Failing(dimension=64))
    if then == "add":
        await base.add(tmp_path / "other.md")
    assert (await base.search("iron in the morning"))[0].chunk.name == "good.md"
    kept = KnowledgeBase.open(tmp_path / "kept", Failing(dimension=64))
    assert (await kept.search("iron in the morning", words=False))[0].chunk.name == "good.md"


@pytest.mark.parametrize("number", [np.nan, 0.0, 7.0])
async def test_saved_vectors_that_are_not_of_length_one_are_not_loaded(
    number: float, tmp_path: Path
) -> None:
    file = tmp_path / "vectors.faiss"
    for row in (1.0, number):
        table = NearestVectors(3)
        table.add(np.array([4, 5]), np.array([[1, 0, 0], [0, row, 0]], np.float32))
        with file.open("wb") as written:
            table.write(written)
        with file.open("rb") as saved:
            assert (NearestVectors.read(saved) is None) == (row != 1.0)


async def test_an_index_that_was_saved_with_bad_vectors_does_not_fit_and_is_built_anew() -> None:
    made = council(FixedEmbedder())
    index = await made.planning.index()
    assert index_state(made)["fits"]
    ids = np.array(list(index.rows))
    index._vectors.remove(ids)
    index._vectors.add(ids, np.full((len(ids), 256), np.nan, np.float32))
    index.save(made.planning.folder)
    assert not index_state(made)["fits"]
    await made.planning.index()
    assert index_state(made)["fits"]


async def test_documents_that_were_saved_with_bad_vectors_are_embedded_anew(tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text("Iron is taken in the morning.")
    base = KnowledgeBase.open(tmp_path / "kept", FixedEmbedder())
    await base.add(tmp_path / "good.md")
    base._contents.set_vectors(np.full((1, 256), np.nan, np.float32))
    base._save()
    kept = KnowledgeBase.open(tmp_path / "kept", FixedEmbedder())
    assert kept.stale
    assert (await kept.search("iron"))[0].similarity > 0
    assert not KnowledgeBase.open(tmp_path / "kept", FixedEmbedder()).stale


async def test_vectors_of_any_length_are_scaled_to_one() -> None:
    embedder = Failing(lambda vectors: vectors * 1e30)
    vectors = await embedded(embedder, ["add two numbers", ""])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0], rtol=1e-6)


def test_an_empty_text_may_have_a_vector_of_zeros_and_no_texts_may_have_none() -> None:
    assert checked([[0.0, 0.0]], [" "], embedder_id="own").shape == (1, 2)
    assert checked([], [], embedder_id="own").size == 0


@pytest.mark.parametrize("vectors", [[[1.0, 0.0], [1.0]], [[np.nan, 1.0], [1.0, 0.0]], [[], []]])
async def test_bad_vectors_of_the_server_name_the_model(vectors: list[list[float]]) -> None:
    class Server(ScriptedModels):
        async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
            return vectors

    with pytest.raises(InvalidEmbedding, match="'ollama/nomic-embed-text'") as raised:
        await OllamaEmbedder(Server(), model="nomic-embed-text").embed(["a", "b"])
    assert "metier models pull" in raised.value.hint


def test_nothing_but_the_check_asks_an_embedder() -> None:
    files = Path(metier.__file__).parent.rglob("*.py")
    asking = {file.name for file in files if "embedder.embed(" in file.read_text()}
    assert asking == {"vector_checks.py"}
