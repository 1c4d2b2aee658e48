"""A large index: HNSW behind the same names."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest

from metier.capability import Capability, Card
from metier.embedding.embedder import Vectors, unit
from metier.index import CapabilityIndex


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metier.index.EXACT_UP_TO", 500)


def card(name: str, *examples: str) -> Card:
    capability = Capability(name="help", description=f"Help with {name}", examples=examples)
    return Card(id=name, description=name, capabilities=(capability,))


def clustered(clusters: int, size: int, dimension: int = 32) -> list[Vectors]:
    """Unit vectors around as many centres as there are experts."""
    random = np.random.default_rng(7)
    centres = random.normal(size=(clusters, dimension))
    return [unit(c + 0.4 * random.normal(size=(size, dimension))) for c in centres]


def grown(groups: list[Vectors]) -> tuple[CapabilityIndex, dict[str, Vectors]]:
    index, truth = CapabilityIndex("fixed/32", groups[0].shape[1]), {}
    for number, vectors in enumerate(groups):
        name = f"e{number}"
        truth[name] = vectors
        index.add(card(name, *(f"{name}-{n}" for n in range(1, len(vectors)))), vectors)
    return index, truth


def recall(index: CapabilityIndex, truth: dict[str, Vectors], *, k: int = 10) -> float:
    every = np.concatenate(list(truth.values()))
    names = [
        f"{name}-{n}" if n else f"Help with {name}"
        for name, vectors in truth.items()
        for n in range(len(vectors))
    ]
    queries = every[::37]
    nearest = np.argsort(-(queries @ every.T), axis=1)[:, :k]
    wanted = [{names[i] for i in row} for row in nearest]
    got = [{hit.row.text for hit in hits} for hits in index.search(queries, k)]
    return sum(len(w & g) for w, g in zip(wanted, got, strict=True)) / (k * len(queries))


def structure(index: CapabilityIndex, folder: Path) -> type:
    index.save(folder)
    stored = faiss.read_index(str(folder / "vectors.faiss"))
    assert isinstance(stored, faiss.IndexIDMap2)
    return type(faiss.downcast_index(stored.index))


def test_a_large_index_is_hnsw_and_finds_nearly_all_of_the_nearest(tmp_path: Path) -> None:
    index, truth = grown(clustered(clusters=30, size=50))
    assert structure(index, tmp_path) is faiss.IndexHNSWFlat
    assert recall(index, truth) >= 0.9


def test_a_large_index_forgets_whom_it_is_told_to() -> None:
    index, truth = grown(clustered(clusters=30, size=50))
    for name in ("e3", "e17"):
        index.remove(name)
    gone = {hit.row.expert for hits in index.search(truth.pop("e3"), 10) for hit in hits}
    del truth["e17"]
    assert not gone & {"e3", "e17"}
    assert recall(index, truth) >= 0.9


def test_an_index_that_shrinks_is_exact_again(tmp_path: Path) -> None:
    index, truth = grown(clustered(clusters=12, size=50))
    for number in range(2, 12):
        index.remove(f"e{number}")
        del truth[f"e{number}"]
    assert structure(index, tmp_path) is faiss.IndexFlatIP
    assert recall(index, truth) == 1.0


def test_a_large_index_is_loaded_as_it_was(tmp_path: Path) -> None:
    index, truth = grown(clustered(clusters=12, size=50))
    index.save(tmp_path)
    loaded = CapabilityIndex.load(tmp_path, embedder_id="fixed/32")
    assert loaded is not None
    assert loaded.search(truth["e0"], 10) == index.search(truth["e0"], 10)
