"""Learn from the cards' own examples how to split, once for each index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np

from metier.experts.card import Card
from metier.models.embedder import Embedder, Vectors, unit
from metier.models.vector_checks import embedded
from metier.planning.cutting import Piece, cut
from metier.planning.figures import Figures
from metier.planning.fillers import FILLERS
from metier.planning.index import EXACT_UP_TO, CapabilityIndex, rows_of
from metier.planning.joining import Joined, joined, parts_of
from metier.planning.learning.artefacts import Packed
from metier.planning.learning.calibration import Calibration
from metier.planning.observing import log_probabilities, observed, texts_of
from metier.planning.openings import Openings
from metier.planning.segmenting import NOBODY, Array, Segment, features, learnt
from metier.planning.selecting import Selector
from metier.planning.weights import BY_DESCRIPTION, PRIOR

_LEARN_AT_LEAST = 40
_HELD_OUT = 3
_EXAMPLES_AT_MOST = 300
_OPENINGS_AT_MOST = 20_000
_JOINED = 300
# The fewer experts there are, the broader they are, and the less joined examples resemble what
# people ask together. So the trust in the shipped weights, in questions, falls with the cube of
# their number; with few experts only the scale is learnt.
_FEW = 6
_TRUST = 1_000_000.0
_LEAST_TRUST = 20.0
# Factors that turn the selector's scores into log-probabilities if nothing was learnt: those with
# which the weights were fitted. With descriptions alone the scores are closer together.
_SCALE = 11.3
_SCALE_BY_DESCRIPTION = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """What the examples of one index teach about splitting.

    Attributes:
        weights: of the features of a segment.
        scale: the factor that turns the selector's scores into log-probabilities.
        fillers: vectors of texts that ask for nothing, shape (texts, dimension).
    """

    fillers: Vectors = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    weights: Array = field(default_factory=lambda: PRIOR)
    scale: float = _SCALE
    openings: Openings = field(default_factory=Openings)
    figures: Figures = field(default_factory=Figures)
    learnt_from: int = 0

    name: ClassVar[str] = "splitting"
    teaches: ClassVar[str] = "where to cut a request with several needs, and for which experts"
    # Also raised if the features, their order or the right segments of joined examples change.
    version: ClassVar[int] = 5

    def packed(self) -> Packed:
        """Return what to save; the openings are read from the cards again."""
        data = {"scale": self.scale, "learnt_from": self.learnt_from}
        return Packed(data=data, arrays={"fillers": self.fillers, "weights": self.weights})

    @classmethod
    def unpacked(cls, packed: Packed) -> Self:
        """Return what was saved.

        Raises:
            ValueError, KeyError: it is incomplete.
        """
        if packed.arrays["weights"].shape != PRIOR.shape:
            raise ValueError("these weights are for other features")
        return cls(
            fillers=packed.arrays["fillers"],
            weights=packed.arrays["weights"],
            scale=float(packed.data["scale"]),
            learnt_from=int(packed.data["learnt_from"]),
        )

    def with_examples_of(self, cards: Mapping[str, Card]) -> Self:
        """Return a copy with the words and numbers of the cards' examples."""
        return replace(self, openings=Openings(_examples(cards)), figures=_figures(cards))


def _figures(cards: Mapping[str, Card]) -> Figures:
    return Figures(
        {
            name: [text for entry in card.capabilities for text in entry.examples]
            for name, card in cards.items()
        }
    )


def _examples(cards: Mapping[str, Card]) -> list[str]:
    """All examples, or an even selection if there are very many."""
    found = [
        text for card in cards.values() for entry in card.capabilities for text in entry.examples
    ]
    return found[:: max(1, len(found) // _OPENINGS_AT_MOST)]


async def lessons_of(
    index: CapabilityIndex,
    cards: Mapping[str, Card],
    calibration: Calibration,
    embedder: Embedder,
    *,
    seed: int = 0,
) -> Lessons:
    """Learn from the cards' own examples, joined in many ways.

    A third of the examples is joined, and scored by a selector that knows only the others. With too
    few examples, metier's default weights are kept. They are also kept with few experts, where only
    the scale is learnt, from the examples as they are, whose vectors the index has.
    """
    every = _examples(cards)
    fillers = await embedded(embedder, FILLERS)
    base = Lessons(fillers=fillers).with_examples_of(cards)
    if not every:
        return replace(base, weights=BY_DESCRIPTION, scale=_SCALE_BY_DESCRIPTION)
    if not _LEARN_AT_LEAST <= len(every) <= len(index) <= EXACT_UP_TO:
        return base
    held, kept = _divided(cards)
    if sum(1 for texts in held.values() if texts) < 2:
        return base
    selector = Selector(_shrunk(index, kept), kept, calibration)
    if selector.experts <= _FEW:
        texts, vectors, owners = _held_out(index, held)
        return replace(base, scale=_scale(selector, texts, vectors, owners), learnt_from=len(texts))
    lessons = Lessons(fillers=fillers).with_examples_of(kept)
    made = joined(held, _JOINED, seed=seed)
    return await _taught(base, lessons, selector, made, embedder)


async def _taught(
    base: Lessons,
    lessons: Lessons,
    selector: Selector,
    made: Sequence[Joined],
    embedder: Embedder,
) -> Lessons:
    cuts = [cut(each.text, lessons.openings) for each in made]
    rights = [parts_of(each, pieces) for each, pieces in zip(made, cuts, strict=True)]
    asked = [
        (each, pieces, right)
        for each, pieces, right in zip(made, cuts, rights, strict=True)
        if right is not None
    ]
    texts = [texts_of(each.text, pieces) or [pieces[0].text] for each, pieces, _ in asked]
    wanted = list(dict.fromkeys(text for mine in texts for text in mine))
    vectors = dict(zip(wanted, await embedded(embedder, wanted), strict=True))
    scale = _scale(selector, *_whole_parts(asked, vectors))
    questions: list[tuple[Array, list[Segment]]] = []
    for (each, pieces, right), mine in zip(asked, texts, strict=True):
        own = np.array([vectors[text] for text in mine])
        sizes = np.array([piece.size for piece in pieces])
        # Not worth embedding: a joined request as a whole is right for no expert.
        whole = unit((own[: len(pieces)] * sizes[:, None]).sum(axis=0, keepdims=True))
        names, seen = observed(
            selector,
            each.text,
            pieces,
            np.concatenate([whole, own]),
            scale=scale,
            fillers=lessons.fillers,
            openings=lessons.openings,
            figures=lessons.figures,
            also=[name for _, _, name in right if name is not None],
        )
        segments = [
            Segment(start=start, end=end, expert=NOBODY if name is None else names.index(name))
            for start, end, name in right
        ]
        questions.append((features(seen), segments))
    return replace(
        base,
        weights=learnt(questions, PRIOR, trust=max(_LEAST_TRUST, _TRUST / selector.experts**3)),
        scale=scale,
        learnt_from=len(questions),
    )


_Asked = tuple[Joined, Sequence[Piece], Sequence[tuple[int, int, str | None]]]


def _whole_parts(
    asked: Sequence[_Asked], vectors: Mapping[str, Vectors]
) -> tuple[list[str], Vectors, list[str]]:
    """The parts that are one piece, their vectors, and their experts."""
    found = [
        (pieces[start].text, name)
        for _, pieces, right in asked
        for start, end, name in right
        if name is not None and end == start + 1
    ]
    texts = [text for text, _ in found]
    return texts, np.array([vectors[text] for text in texts]), [name for _, name in found]


def _held_out(
    index: CapabilityIndex, held: Mapping[str, Sequence[str]]
) -> tuple[list[str], Vectors, list[str]]:
    """Examples, their vectors in the index, and their experts."""
    wanted = {(name, text) for name, texts in held.items() for text in texts}
    rows = [
        (row.text, i, row.expert)
        for i, row in index.rows.items()
        if (row.expert, row.text) in wanted
    ]
    texts, ids, owners = zip(*rows, strict=True)
    return list(texts), index.vectors(np.array(ids, dtype=np.int64)), list(owners)


def _scale(
    selector: Selector, texts: Sequence[str], vectors: Vectors, owners: Sequence[str]
) -> float:
    """The scale that makes the right experts of texts most likely."""
    if not texts:
        return Lessons().scale
    names, scores, _, _ = selector.evidence(texts, vectors)
    mine = np.array([names.index(name) for name in owners])
    places = np.arange(len(mine))
    scales = 2.0 ** np.arange(0, 6.1, 0.5)
    gains = [float(log_probabilities(scale * scores)[places, mine].mean()) for scale in scales]
    return float(scales[int(np.argmax(gains))])


def _divided(cards: Mapping[str, Card]) -> tuple[dict[str, list[str]], dict[str, Card]]:
    """A third of the examples of each expert, and the cards without them."""
    held: dict[str, list[str]] = defaultdict(list)
    kept: dict[str, Card] = {}
    total = sum(len(entry.examples) for card in cards.values() for entry in card.capabilities)
    step = max(_HELD_OUT, -(-total // _EXAMPLES_AT_MOST))
    for name, card in cards.items():
        capabilities = []
        for entry in card.capabilities:
            out = [text for n, text in enumerate(entry.examples) if n % step == step - 1]
            held[name] += out
            capabilities.append(
                entry.model_copy(
                    update={"examples": tuple(t for t in entry.examples if t not in out)}
                )
            )
        kept[name] = card.model_copy(update={"capabilities": tuple(capabilities)})
    return held, kept


def _shrunk(index: CapabilityIndex, cards: Mapping[str, Card]) -> CapabilityIndex:
    """The index of the cards with fewer examples, made from the existing vectors."""
    ids = {
        (index.rows[i].expert, index.rows[i].capability, index.rows[i].kind, index.rows[i].text): i
        for mine in index.capabilities.values()
        for i in mine
    }
    found = CapabilityIndex(index.embedder_id, index.dimension)
    wanted = [
        ids[row.expert, row.capability, row.kind, row.text]
        for card in cards.values()
        for row in rows_of(card)
    ]
    found.add_all(list(cards.values()), index.vectors(np.array(wanted, dtype=np.int64)))
    return found
