"""Dividing a question between experts, with an embedder that hashes words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from metier import Card
from metier.experts.card import Capability
from metier.planning.index import CapabilityIndex, synchronised
from metier.planning.learning.calibration import Calibration
from metier.planning.lessons import Lessons, lessons_of
from metier.planning.segmenting import FEATURES, Segment, best, learnt
from metier.planning.selecting import Selector
from metier.planning.splitter import LearntSplitter
from metier.planning.weights import BY_DESCRIPTION, PRIOR
from metier.testing import FixedEmbedder

pytestmark = pytest.mark.anyio

WORDS = {
    "music": "play the jazz album song",
    "weather": "will it rain snow storm",
    "food": "cook the soup bread dinner",
}


def cards(count: int = 20, words_of: Mapping[str, str] = WORDS) -> dict[str, Card]:
    found: dict[str, Card] = {}
    for name, words in words_of.items():
        first, *rest = words.split()
        examples = tuple(
            f"{first} {rest[n % len(rest)]} {rest[(n + 1) % len(rest)]} {n}" for n in range(count)
        )
        capability = Capability(name="all", description=words, examples=examples)
        found[name] = Card(id=name, description=name, capabilities=(capability,))
    return found


async def split_by(
    lessons: Lessons, index: CapabilityIndex, question: str, known: Mapping[str, Card] | None = None
) -> list[str]:
    selector = Selector(index, known or cards())
    splitter = LearntSplitter(selector, lessons)
    pieces = splitter.pieces(question)
    vectors = await FixedEmbedder().embed([question, *splitter.texts(question, pieces)])
    return [span.expert for span in splitter.split(question, pieces, vectors).spans]


async def test_parts_of_different_experts_are_divided_whatever_joins_them() -> None:
    embedder = FixedEmbedder()
    index, _ = await synchronised(None, cards().values(), embedder)
    lessons = await lessons_of(index, cards(), Calibration(), embedder)
    assert lessons.learnt_from > 0
    for question in (
        "play the jazz album and will it rain snow",
        "play the jazz album\nwill it rain snow",
        "play the jazz album, und will it rain snow",
        "1. play the jazz album\n2. will it rain snow",
    ):
        assert await split_by(lessons, index, question) == ["music", "weather"]


async def test_parts_of_one_expert_are_one_part() -> None:
    embedder = FixedEmbedder()
    index, _ = await synchronised(None, cards().values(), embedder)
    lessons = await lessons_of(index, cards(), Calibration(), embedder)
    assert await split_by(lessons, index, "play the jazz album and play the jazz song") == ["music"]


async def test_too_few_examples_teach_nothing() -> None:
    embedder = FixedEmbedder()
    few = cards(3)
    index, _ = await synchronised(None, few.values(), embedder)
    lessons = await lessons_of(index, few, Calibration(), embedder)
    assert lessons.learnt_from == 0
    assert np.array_equal(lessons.weights, PRIOR)


async def test_what_was_taught_nothing_cuts_with_the_weights_that_ship() -> None:
    index, _ = await synchronised(None, cards().values(), FixedEmbedder())
    question = "play the jazz album and will it rain snow"
    assert await split_by(Lessons(), index, question) == ["music", "weather"]


async def test_lessons_survive_saving() -> None:
    embedder = FixedEmbedder()
    index, _ = await synchronised(None, cards().values(), embedder)
    lessons = await lessons_of(index, cards(), Calibration(), embedder)
    kept = Lessons.unpacked(lessons.packed()).with_examples_of(cards())
    assert np.array_equal(kept.weights, lessons.weights)
    assert (kept.scale, kept.learnt_from) == (lessons.scale, lessons.learnt_from)


def test_the_best_segmentation_and_its_weights_are_found() -> None:
    # Two pieces: apart they score by the first feature, together by the second.
    found = np.zeros((2, 2, 2, len(FEATURES)))
    found[0, 0, 0, 0] = found[1, 1, 0, 0] = 1.0
    found[0, 1, 0, 1] = 1.0
    apart = [Segment(start=0, end=1, expert=0), Segment(start=1, end=2, expert=0)]
    whole = [Segment(start=0, end=2, expert=0)]
    nothing = np.zeros(len(FEATURES))
    for right in (apart, whole):
        weights = learnt([(found, right)] * 5, nothing, trust=0.1)
        assert best(found, weights)[0] == right


MORE_WORDS = WORDS | {
    "travel": "book a train flight hotel",
    "money": "pay the invoice loan bank",
    "garden": "plant roses tulips seeds tomatoes",
    "sport": "win a match race medal",
}


async def test_many_experts_teach_where_joined_requests_are_cut() -> None:
    embedder = FixedEmbedder()
    many = cards(words_of=MORE_WORDS)
    index, _ = await synchronised(None, many.values(), embedder)
    lessons = await lessons_of(index, many, Calibration(), embedder)
    # Of 300 those whose pieces each lie in one part.
    assert 200 < lessons.learnt_from <= 300
    assert not np.array_equal(lessons.weights, PRIOR)
    question = "plant roses and book a train"
    assert await split_by(lessons, index, question, many) == ["garden", "travel"]


def of_length(cards: dict[str, Card], name: str, count: int) -> dict[str, Card]:
    """The cards, one of them with so many examples."""
    (capability,) = cards[name].capabilities
    fewer = capability.model_copy(update={"examples": capability.examples[:count]})
    return cards | {name: cards[name].model_copy(update={"capabilities": (fewer,)})}


FOUR = {name: MORE_WORDS[name] for name in ("music", "weather", "food", "travel")}
SIX = {name: MORE_WORDS[name] for name in (*FOUR, "money", "garden")}


@pytest.mark.parametrize(
    ("known", "learnt_from"),
    [
        (cards(10, FOUR), 12),  # of 40 examples every third
        (of_length(cards(10, FOUR), "food", 9), 0),
        (cards(20, SIX), 36),
        (cards(20, {name: WORDS[name] for name in ("music", "food")}), 12),
        # All those that can be held out are of one expert.
        (cards(2, FOUR) | cards(60, {"music": "play the jazz album"}), 0),
    ],
)
async def test_of_few_experts_only_the_scale_is_learnt_if_there_are_forty_examples(
    known: dict[str, Card], learnt_from: int
) -> None:
    embedder = FixedEmbedder()
    index, _ = await synchronised(None, known.values(), embedder)
    lessons = await lessons_of(index, known, Calibration(), embedder)
    assert lessons.learnt_from == learnt_from
    assert np.array_equal(lessons.weights, PRIOR)
    assert (lessons.scale == Lessons().scale) == (learnt_from == 0)


async def test_descriptions_alone_have_weights_of_their_own() -> None:
    embedder = FixedEmbedder()
    known = cards(0)
    index, _ = await synchronised(None, known.values(), embedder)
    lessons = await lessons_of(index, known, Calibration(), embedder)
    assert np.array_equal(lessons.weights, BY_DESCRIPTION)
    assert lessons.scale > 2 * Lessons().scale
    assert len(lessons.fillers) > 0


async def test_weights_of_other_features_are_refused() -> None:
    packed = Lessons().packed()
    with pytest.raises(ValueError, match="other features"):
        Lessons.unpacked(replace(packed, arrays=dict(packed.arrays) | {"weights": PRIOR[1:]}))
