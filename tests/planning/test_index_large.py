"""A large index: lists around learnt centres behind the same names."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import faiss
import numpy as np
import pytest

from metier.experts.card import Capability, Card
from metier.models.embedder import Vectors, unit
from metier.models.nearest import _threads_for
from metier.planning.index import CapabilityIndex, rows_of

LARGE = 500
Made = Callable[[list[Vectors]], tuple[CapabilityIndex, dict[str, Vectors]]]


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metier.models.nearest.EXACT_UP_TO", LARGE)
    # Few enough to leave some lists unread.
    monkeypatch.setattr("metier.models.nearest._READ_LISTS", 24)


def card(name: str, rows: int) -> Card:
    """With as many rows as that: name, description and examples."""
    capability = Capability(
        name="help",
        description=f"Help with {name}",
        examples=tuple(f"{name}-{n}" for n in range(2, rows)),
    )
    return Card(id=name, description=name, capabilities=(capability,))


def clustered(clusters: int, size: int = 50, *, seed: int = 7) -> list[Vectors]:
    """Unit vectors around as many centres as there are experts."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(clusters, 32))
    return [unit(c + 0.4 * random.normal(size=(size, 32))) for c in centres]


def grown(groups: list[Vectors]) -> tuple[CapabilityIndex, dict[str, Vectors]]:
    """An index to which the experts were added one after the other, and what is in it."""
    index, truth = CapabilityIndex("fixed/32", 32), {}
    for number, vectors in enumerate(groups):
        name = f"e{number}"
        truth[name] = vectors
        index.add(card(name, len(vectors)), vectors)
    return index, truth


def at_once(groups: list[Vectors]) -> tuple[CapabilityIndex, dict[str, Vectors]]:
    index = CapabilityIndex("fixed/32", 32)
    truth = {f"e{number}": vectors for number, vectors in enumerate(groups)}
    cards = [card(name, len(vectors)) for name, vectors in truth.items()]
    index.add_all(cards, np.concatenate(groups))
    return index, truth


def recall(index: CapabilityIndex, truth: dict[str, Vectors], *, k: int = 10) -> float:
    every = np.concatenate(list(truth.values()))
    rows = [row for name, own in truth.items() for row in rows_of(card(name, len(own)))]
    queries = every[::37]
    nearest = np.argsort(-(queries @ every.T), axis=1)[:, :k]
    wanted = [{rows[i] for i in row} for row in nearest]
    got = [{hit.row for hit in hits} for hits in index.search(queries, k)]
    return sum(len(w & g) for w, g in zip(wanted, got, strict=True)) / (k * len(queries))


def structure(index: CapabilityIndex, folder: Path) -> faiss.Index:
    index.save(folder)
    return faiss.read_index(str(folder / "vectors.faiss"))


def lists(index: CapabilityIndex, folder: Path) -> int:
    stored = structure(index, folder)
    assert isinstance(stored, faiss.IndexIVF)
    return stored.nlist


def is_exact(index: CapabilityIndex, folder: Path) -> bool:
    return isinstance(structure(index, folder), faiss.IndexIDMap2)


@pytest.mark.parametrize("made", [grown, at_once])
def test_a_large_index_finds_nearly_all_of_the_nearest(tmp_path: Path, made: Made) -> None:
    index, truth = made(clustered(30))
    assert not is_exact(index, tmp_path)
    assert recall(index, truth) >= 0.95


def test_vectors_of_a_large_index_are_kept_to_three_digits() -> None:
    index, truth = grown(clustered(30))
    for name in ("e0", "e12", "e29"):
        np.testing.assert_allclose(
            index.vectors(np.array(index.capabilities[name, "help"])), truth[name], atol=5e-4
        )


def test_a_large_index_forgets_whom_it_is_told_to() -> None:
    index, truth = grown(clustered(30))
    index.remove_all(["e3", "e17", "nobody"])
    gone = {hit.row.expert for hits in index.search(truth.pop("e3"), 10) for hit in hits}
    del truth["e17"]
    assert not gone & {"e3", "e17"}
    assert len(index) == len(truth) * 50
    assert recall(index, truth) >= 0.95


def test_forgetting_and_replacing_leave_the_others_where_they_are(tmp_path: Path) -> None:
    index, truth = grown(clustered(30))
    before = structure(index, tmp_path)
    (truth["e5"],) = clustered(1, seed=8)
    index.replace(card("e5", 50), truth["e5"])
    index.remove("e6")
    del truth["e6"]
    after = structure(index, tmp_path)
    assert isinstance(before, faiss.IndexIVF)
    assert isinstance(after, faiss.IndexIVF)
    np.testing.assert_array_equal(
        before.quantizer.reconstruct_n(0, before.nlist),
        after.quantizer.reconstruct_n(0, after.nlist),
    )
    assert recall(index, truth) >= 0.95


def test_an_expert_that_was_forgotten_can_come_back() -> None:
    index, truth = grown(clustered(30))
    index.remove("e5")
    index.add(card("e5", 50), truth["e5"])
    ((best,),) = index.search(truth["e5"][7:8], 1)
    assert (best.row.expert, best.row.text) == ("e5", "e5-7")


def test_centres_are_learnt_anew_when_there_are_four_times_as_many(tmp_path: Path) -> None:
    groups = clustered(80)
    index, truth = grown(groups[:12])
    few = lists(index, tmp_path)
    for number, vectors in enumerate(groups[12:], 12):
        truth[f"e{number}"] = vectors
        index.add(card(f"e{number}", 50), vectors)
    assert lists(index, tmp_path) >= 1.9 * few
    assert recall(index, truth) >= 0.95


def test_centres_are_learnt_anew_when_few_of_many_are_left(tmp_path: Path) -> None:
    index, truth = at_once(clustered(80))
    many = lists(index, tmp_path)
    gone = [f"e{number}" for number in range(10, 70)]
    index.remove_all(gone)
    for name in gone:
        del truth[name]
    # A quarter is left; one less than that.
    index.remove("e0")
    del truth["e0"]
    assert lists(index, tmp_path) <= 0.6 * many
    assert recall(index, truth) >= 0.95


def test_an_index_that_shrinks_is_exact_again(tmp_path: Path) -> None:
    index, truth = grown(clustered(12))
    for number in range(2, 12):
        index.remove(f"e{number}")
        del truth[f"e{number}"]
    assert is_exact(index, tmp_path)
    assert recall(index, truth) == 1.0


def test_an_index_at_the_border_does_not_go_back_and_forth(tmp_path: Path) -> None:
    index, truth = grown(clustered(11))
    assert not is_exact(index, tmp_path)
    index.replace(card("e3", 50), truth["e3"])
    index.remove("e4")
    assert not is_exact(index, tmp_path)


def test_an_index_that_was_exact_again_becomes_large_again(tmp_path: Path) -> None:
    groups = clustered(12)
    index, truth = grown(groups)
    index.remove_all([f"e{number}" for number in range(1, 12)])
    assert is_exact(index, tmp_path)
    for number, vectors in enumerate(groups[1:], 1):
        index.add(card(f"e{number}", 50), vectors)
    assert not is_exact(index, tmp_path)
    assert recall(index, truth) >= 0.95


def test_all_of_a_large_index_can_be_taken_away(tmp_path: Path) -> None:
    index, truth = grown(clustered(12))
    index.remove_all(list(truth))
    assert index.search(truth["e0"][:1], 3) == [[]]
    assert is_exact(index, tmp_path)


def test_a_large_index_is_loaded_as_it_was(tmp_path: Path) -> None:
    index, truth = grown(clustered(12))
    index.save(tmp_path)
    loaded = CapabilityIndex.load(tmp_path, embedder_id="fixed/32")
    assert loaded is not None
    assert loaded.search(truth["e0"], 10) == index.search(truth["e0"], 10)


def test_a_large_index_that_was_loaded_takes_and_forgets_experts(tmp_path: Path) -> None:
    groups = clustered(30)
    saved, truth = grown(groups[:29])
    saved.save(tmp_path)
    index = CapabilityIndex.load(tmp_path, embedder_id="fixed/32")
    assert index is not None
    index.remove("e2")
    del truth["e2"]
    truth["e29"] = groups[29]
    index.add(card("e29", 50), groups[29])
    assert recall(index, truth) >= 0.95


def test_a_large_index_whose_vectors_were_changed_is_not_loaded(tmp_path: Path) -> None:
    index, _ = grown(clustered(12))
    index.save(tmp_path)
    file = tmp_path / "vectors.faiss"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert CapabilityIndex.load(tmp_path, embedder_id="fixed/32") is None


def test_the_same_experts_give_the_same_index(tmp_path: Path) -> None:
    files: list[bytes] = []
    for part in ("one", "other"):
        index, truth = grown(clustered(30))
        index.replace(card("e5", 50), truth["e6"])
        index.save(tmp_path / part)
        files.append((tmp_path / part / "vectors.faiss").read_bytes())
    assert files[0] == files[1]


def test_a_search_changes_the_number_of_threads_of_no_other_thread() -> None:
    other, here = faiss.omp_get_max_threads() + 1, faiss.omp_get_max_threads()
    inside, looked = Event(), Event()

    def look() -> int:
        faiss.omp_set_num_threads(other)
        assert inside.wait(60)
        seen = faiss.omp_get_max_threads()
        looked.set()
        return seen

    with ThreadPoolExecutor(1) as threads:
        seen = threads.submit(look)
        with _threads_for(1):
            assert faiss.omp_get_max_threads() == 1
            inside.set()
            assert looked.wait(60)
        assert (seen.result(), faiss.omp_get_max_threads()) == (other, here)


def test_an_expert_that_is_given_twice_is_refused_and_nothing_is_added() -> None:
    index = CapabilityIndex("fixed/32", 32)
    with pytest.raises(ValueError, match="use replace"):
        index.add_all([card("e0", 2), card("e0", 2)], np.zeros((4, 32), np.float32))
    assert (len(index), dict(index.experts)) == (0, {})
