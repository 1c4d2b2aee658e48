"""The capability index: what is in it, what is near, and what a saved one may be trusted with."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.experts.card import Capability, Card
from metier.models.embedder import Vectors, unit
from metier.planning.index import (
    CapabilityIndex,
    Row,
    RowKind,
    hash_of,
    rows_of,
    synchronised,
)
from metier.testing import FixedEmbedder

pytestmark = pytest.mark.anyio
EMBEDDER = "fixed/8"


def card(name: str, *examples: str, counterexamples: tuple[str, ...] = ()) -> Card:
    capability = Capability(
        name="help",
        description=f"Help with {name}",
        examples=examples,
        counterexamples=counterexamples,
    )
    return Card(id=name, description=name, capabilities=(capability,))


def random_vectors(seed: int, count: int, dimension: int = 8) -> Vectors:
    return unit(np.random.default_rng(seed).normal(size=(count, dimension)))


def index_of(*cards: Card) -> CapabilityIndex:
    index = CapabilityIndex(EMBEDDER, 8)
    for number, each in enumerate(cards):
        index.add(each, random_vectors(number, len(list(rows_of(each)))))
    return index


def found(index: CapabilityIndex, queries: Vectors, k: int = 3) -> list[list[tuple[Row, float]]]:
    hits = index.search(queries, k)
    return [[(hit.row, round(hit.similarity, 4)) for hit in each] for each in hits]


def test_the_texts_of_a_card_are_its_rows() -> None:
    texts = [
        (row.kind, row.text)
        for row in rows_of(card("math", "1+1", "2+2", counterexamples=("Who?",)))
    ]
    assert texts == [
        (RowKind.NAME, "help"),
        (RowKind.DESCRIPTION, "Help with math"),
        (RowKind.EXAMPLE, "1+1"),
        (RowKind.EXAMPLE, "2+2"),
        (RowKind.COUNTEREXAMPLE, "Who?"),
    ]


async def test_the_best_hit_is_the_text_that_was_asked_for() -> None:
    embedder = FixedEmbedder()
    cards = [card("math", "add two numbers"), card("code", "sort a list")]
    index, _ = await synchronised(None, cards, embedder)
    ((best, *_),) = index.search(await embedder.embed(["sort a list"]), k=2)
    assert (best.row.expert, best.row.text) == ("code", "sort a list")
    assert best.similarity == pytest.approx(1.0)


def test_an_empty_index_finds_nothing() -> None:
    index = CapabilityIndex(EMBEDDER, 8)
    assert index.search(random_vectors(0, 2), k=3) == [[], []]
    assert (len(index), dict(index.experts)) == (0, {})


def test_no_more_is_found_than_there_is() -> None:
    assert [len(hits) for hits in index_of(card("math", "a")).search(random_vectors(9, 2), 9)] == [
        3,
        3,
    ]


def test_an_index_that_was_emptied_can_be_filled_again() -> None:
    index = index_of(card("math", "a"))
    index.remove("math")
    assert index.search(random_vectors(9, 1), k=3) == [[]]
    index.add(card("code"), random_vectors(5, 2))
    assert [hit.row.expert for hit in index.search(random_vectors(9, 1), k=3)[0]] == [
        "code",
        "code",
    ]


def test_removing_who_is_not_there_changes_nothing() -> None:
    index = index_of(card("math", "a"))
    index.remove("code")
    assert list(index.experts) == ["math"]


@pytest.mark.parametrize(("count", "dimension"), [(2, 8), (4, 8), (3, 9)])
def test_vectors_that_do_not_fit_the_card_are_refused(count: int, dimension: int) -> None:
    with pytest.raises(ValueError, match="vectors for 3 rows of 8"):
        CapabilityIndex(EMBEDDER, 8).add(card("math", "a"), random_vectors(0, count, dimension))


def test_an_expert_that_is_there_is_not_added_again() -> None:
    with pytest.raises(ValueError, match="use replace"):
        index_of(card("math", "a")).add(card("math"), random_vectors(0, 1))


Change = tuple[str, str, int, int]
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["put", "remove", "reload"]),
        st.sampled_from(["a", "b", "c", "d"]),
        st.integers(0, 6),
        st.integers(0, 2**16),
    ),
    max_size=12,
)


def changed(index: CapabilityIndex, truth: dict[str, Vectors], change: Change) -> CapabilityIndex:
    """The index after one change, which is written down in `truth` too."""
    kind, name, examples, seed = change
    if kind == "put":
        new = card(name, *(f"{name}{n}" for n in range(examples)))
        truth[name] = random_vectors(seed, examples + 2)
        index.replace(new, truth[name])
    elif kind == "remove":
        truth.pop(name, None)
        index.remove(name)
    else:
        with tempfile.TemporaryDirectory() as folder:
            index.save(Path(folder))
            loaded = CapabilityIndex.load(Path(folder), embedder_id=EMBEDDER)
        assert loaded is not None
        return loaded
    return index


@settings(deadline=None)
@given(CHANGES)
def test_whatever_was_changed_the_nearest_are_those_of_a_brute_force_search(
    changes: list[Change],
) -> None:
    index, truth = CapabilityIndex(EMBEDDER, 8), {}
    for change in changes:
        index = changed(index, truth, change)
    texts = {
        (name, ["help", f"Help with {name}", *(f"{name}{m}" for m in range(6))][n]): vector
        for name, vectors in truth.items()
        for n, vector in enumerate(vectors)
    }
    query = random_vectors(1, 1)
    expected = sorted((float(vector @ query[0]) for vector in texts.values()), reverse=True)
    (hits,) = index.search(query, k=5)
    assert [hit.similarity for hit in hits] == pytest.approx(expected[:5], abs=1e-5)
    assert [texts[hit.row.expert, hit.row.text] @ query[0] for hit in hits] == pytest.approx(
        [hit.similarity for hit in hits], abs=1e-5
    )
    assert set(index.experts) == set(truth)


@settings(deadline=None)
@given(CHANGES)
def test_whatever_was_changed_each_id_keeps_its_own_vector(changes: list[Change]) -> None:
    index, truth = CapabilityIndex(EMBEDDER, 8), {}
    for change in changes:
        index = changed(index, truth, change)
    for name, vectors in truth.items():
        ids = [i for i, row in index.rows.items() if row.expert == name]
        np.testing.assert_allclose(index.vectors(np.array(ids, dtype=np.int64)), vectors, atol=1e-6)
    assert len(index) == sum(map(len, truth.values()))


def test_the_hash_is_that_of_the_cards_and_the_embedder() -> None:
    one, other = (
        index_of(card("math", "a"), card("code")),
        index_of(card("code"), card("math", "a")),
    )
    assert one.hash() == other.hash()
    assert one.hash() != index_of(card("math", "b"), card("code")).hash()
    assert one.hash() != CapabilityIndex("fixed/9", 8).hash()


def test_the_hash_of_a_card_is_that_of_the_texts_that_are_embedded() -> None:
    other = card("math", "a").model_copy(update={"prompt": "Be brief."})
    assert hash_of(card("math", "a")) == hash_of(other)
    assert hash_of(card("math", "a")) != hash_of(card("math", counterexamples=("a",)))
