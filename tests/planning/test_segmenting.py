"""What speaks for a segment, and the best segmentation, compared with trying all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from metier.planning.cutting import Sign
from metier.planning.segmenting import (
    BEFORE,
    FEATURES,
    NOBODY,
    Observed,
    Segment,
    best,
    climbed,
    expected_features,
    features,
)

Array = npt.NDArray[np.float64]
DICE = np.random.default_rng(7)
PIECES, EXPERTS, GENERAL = 3, 3, 0
SEEN = Observed(
    sizes=np.array([2.0, 10.0, 4.0]),
    pieces=-DICE.uniform(0, 5, (PIECES, EXPERTS)),
    spans=-DICE.uniform(0, 5, (PIECES, PIECES, EXPERTS)),
    fits=DICE.uniform(0, 1, (PIECES, PIECES)),
    near=DICE.normal(0, 1, (PIECES, PIECES)),
    fillers=DICE.normal(0, 0.2, PIECES),
    asking=np.array([0.2, 0.9, 0.5]),
    signs=np.array([Sign.NONE, Sign.COMMA, Sign.LINE]),
    before=DICE.uniform(0.1, 1, (PIECES, BEFORE[1] - BEFORE[0])),
    telling=np.array([1.0, 3.0, 2.0]),
    figures=DICE.normal(0, 1, (3, EXPERTS)),
    kinds=np.array([0, 2, 1]),
    general=GENERAL,
)
STRETCHES = [(i, j) for i in range(PIECES) for j in range(i, PIECES)]


def feature(name: str, i: int, j: int) -> Array:
    """Of each expert, and of nobody."""
    return features(SEEN)[i, j, :, FEATURES.index(name)]


@pytest.mark.parametrize(("i", "j"), STRETCHES)
def test_a_segment_of_an_expert_is_weighed_by_all_its_pieces(i: int, j: int) -> None:
    inside = slice(i, j + 1)
    size, asking = SEEN.sizes[inside], SEEN.asking[inside]
    pieces = np.maximum(SEEN.pieces[inside], -4)
    told = size * (0.2 + asking)
    full = np.minimum(size, 8) / 8
    expected = {
        "span": np.maximum(SEEN.spans[i, j], -4),
        "mean": told @ pieces / told.sum(),
        "asked": (full * asking) @ pieces,
        "told": (full * (1 - asking)) @ pieces,
        "segment": np.ones(EXPERTS),
        "short": np.full(EXPERTS, 1 / (1 + size.sum())),
        "unasked": np.full(EXPERTS, 1 - asking.max()),
        "thin": np.full(EXPERTS, 1 / (1 + SEEN.telling[inside].sum())),
        "near": np.full(EXPERTS, SEEN.near[i, j]),
        "figures": SEEN.figures[SEEN.kinds[inside].max()],
        "unfit": np.where(np.arange(EXPERTS) == GENERAL, 0, 1 - SEEN.fits[i, j]),
    }
    for name, values in expected.items():
        assert feature(name, i, j) == pytest.approx([*values, 0]), name


@pytest.mark.parametrize(("i", "j"), STRETCHES)
def test_a_segment_of_nobody_is_weighed_by_what_asks_for_nothing(i: int, j: int) -> None:
    size = SEEN.sizes[i : j + 1]
    expected = {
        "nobody": 1,
        "nobody_like_filler": size @ SEEN.fillers[i : j + 1] / size.sum(),
        "nobody_size": np.log(1 + size.sum()),
        "nobody_fit": SEEN.fits[i, j],
        "nobody_asks": SEEN.asking[i : j + 1].max(),
    }
    for name, value in expected.items():
        assert feature(name, i, j) == pytest.approx([0] * EXPERTS + [value]), name


@pytest.mark.parametrize(("i", "j"), STRETCHES)
def test_the_general_expert_has_features_of_its_own(i: int, j: int) -> None:
    span = np.maximum(SEEN.spans[i, j], -4)
    expected = {
        "general": 1,
        "general_short": 1 / (1 + SEEN.sizes[i : j + 1].sum()),
        "general_unasked": 1 - SEEN.asking[i : j + 1].max(),
        "general_refers": SEEN.before[i, FEATURES.index("refers") - BEFORE[0]],
        "general_lead": span[GENERAL] - span[1:].max(),
    }
    for name, value in expected.items():
        assert feature(name, i, j) == pytest.approx([value] + [0] * EXPERTS), name


def test_a_question_of_one_piece_or_without_a_general_expert_has_none_of_these() -> None:
    general = [n for n, name in enumerate(FEATURES) if name.startswith("general")]
    assert not features(replace(SEEN, general=-1))[..., general].any()
    names = ("sizes", "pieces", "fillers", "asking", "signs", "before", "telling", "kinds")
    one = {name: getattr(SEEN, name)[:1] for name in names}
    square = {name: getattr(SEEN, name)[:1, :1] for name in ("spans", "fits", "near")}
    assert not features(replace(SEEN, **one, **square))[..., general].any()


def test_what_stands_before_a_segment_counts_except_at_the_beginning() -> None:
    signs = [n for n, name in enumerate(FEATURES) if name.startswith("sign_")]
    found = features(SEEN)
    assert not found[0][..., [*signs, *range(*BEFORE)]].any()
    for i, j in STRETCHES[PIECES:]:
        assert found[i, j, :, BEFORE[0] : BEFORE[1]] == pytest.approx(
            np.tile(SEEN.before[i], (EXPERTS + 1, 1))
        )
        name = f"sign_{Sign(int(SEEN.signs[i])).name.lower()}"
        assert feature(name, i, j).tolist() == [1] * (EXPERTS + 1)
        assert found[i, j][:, signs].sum() == EXPERTS + 1
        assert feature("refers_span", i, j) == pytest.approx(feature("span", i, j))
        assert feature("refers_thin", i, j) == pytest.approx(feature("thin", i, j))


def test_only_the_whole_question_is_alone() -> None:
    alone = features(SEEN)[..., FEATURES.index("alone")]
    assert alone[0, -1].tolist() == [1] * (EXPERTS + 1)
    assert alone.sum() == EXPERTS + 1


def segmentations(start: int = 0) -> Iterator[list[tuple[int, int, int]]]:
    """All of them: start, last piece and expert of each segment."""
    if start == PIECES:
        yield []
    for last in range(start, PIECES):
        for rest in segmentations(last + 1):
            for expert in range(EXPERTS + 1):
                yield [(start, last, expert), *rest]


WEIGHTS = np.random.default_rng(8).normal(0, 0.5, len(FEATURES))
EVERY = list(segmentations())


def chances() -> tuple[Array, Array]:
    """The summed features of every segmentation, and its probability."""
    found = features(SEEN)
    sums = np.array([sum(found[segment] for segment in each) for each in EVERY])
    raised = np.exp(sums @ WEIGHTS)
    return sums, raised / raised.sum()


def test_no_other_segmentation_scores_higher() -> None:
    _, chance_of = chances()
    found, several = best(features(SEEN), WEIGHTS)
    assert found == [
        Segment(start=i, end=j + 1, expert=NOBODY if e == EXPERTS else e)
        for i, j, e in EVERY[int(chance_of.argmax())]
    ]
    whole = sum(chance for each, chance in zip(EVERY, chance_of, strict=True) if len(each) == 1)
    assert several == pytest.approx(1 - whole)


def test_expected_features_are_the_mean_over_all_segmentations() -> None:
    sums, chance_of = chances()
    assert expected_features(features(SEEN), WEIGHTS) == pytest.approx(chance_of @ sums)


def test_weights_climb_to_the_top() -> None:
    top = np.array([1.0, -2.0, 0.5])
    found = climbed(lambda weights: top - weights, np.zeros(3), rounds=200)
    assert found == pytest.approx(top, abs=0.02)
    assert climbed(lambda weights: top - weights, top, rounds=5) == pytest.approx(top)
