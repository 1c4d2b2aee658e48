"""Methods that merge what models have learnt over their base: their differences from it.

Formulas and defaults are those of mergekit 0.1.5. Each method makes the differences sparse in its
own way; then they are weighted and added to the base.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from metier.merging.cores import Sums, Total
from metier.merging.encoding import Floats
from metier.merging.method import Combine, Inputs, method
from metier.merging.parameters import DENSITY, LAMBDA, NORMALIZE, RESCALE, SEED, WEIGHT
from metier.merging.selecting import kept_from
from metier.merging.weights import Span

# Drops some of a model's differences in place; the span says which ones they are.
Sparsify = Callable[[Floats, Span], None]

# mergekit's: below it a sum of weights, or of magnitudes, counts as 0.
_NO_WEIGHT = 1e-8
_NO_MASS = 1e-7


@method(paper="arXiv 2212.04089", base="required", parameters=[WEIGHT, LAMBDA, NORMALIZE])
def task_arithmetic(inputs: Inputs, total: Total) -> Combine:
    """The base, and the weighted sum of what each model has learnt over it.

    Ilharco et al. 2023, "Editing models with task arithmetic", section 2.
    """
    return _added(inputs, [], elect=False)


@method(
    paper="arXiv 2306.01708",
    base="required",
    parameters=[WEIGHT, DENSITY, LAMBDA, NORMALIZE.defaulting_to(True)],
)
def ties(inputs: Inputs, total: Total) -> Combine:
    """Only the largest differences, and only those that agree with the majority's sign.

    Yadav et al. 2023, "TIES-merging", section 4. Of equally large ones at the border all are kept.
    """
    return _added(inputs, [_largest(inputs, total, n) for n in _each(inputs)], elect=True)


@method(
    paper="arXiv 2311.03099",
    base="required",
    parameters=[WEIGHT, DENSITY, LAMBDA, NORMALIZE, RESCALE, SEED],
)
def dare_linear(inputs: Inputs, total: Total) -> Combine:
    """Differences dropped at random, the others scaled up, then as task arithmetic.

    Yu et al. 2024, "Language models are super Mario", section 3.2.
    """
    return _added(inputs, [_random(inputs, total, n) for n in _each(inputs)], elect=False)


@method(
    paper="arXiv 2311.03099",
    base="required",
    parameters=[WEIGHT, DENSITY, LAMBDA, NORMALIZE, RESCALE, SEED],
)
def dare_ties(inputs: Inputs, total: Total) -> Combine:
    """Differences dropped at random, the others scaled up, then elected by sign as in TIES.

    Yu et al. 2024, "Language models are super Mario", sections 3.2 and 4.3.
    """
    return _added(inputs, [_random(inputs, total, n) for n in _each(inputs)], elect=True)


def _each(inputs: Inputs) -> range:
    return range(len(inputs.models))


def _largest(inputs: Inputs, total: Total, model: int) -> Sparsify:
    least = kept_from(
        partial(inputs.delta, model),
        total,
        count=inputs.count,
        density=inputs.settings[DENSITY][model],
    )

    def trim(delta: Floats, span: Span) -> None:
        delta[np.abs(delta) < least] = 0

    return trim


def _random(inputs: Inputs, total: Total, model: int) -> Sparsify:
    density = inputs.settings[DENSITY][model]
    scale = np.float32(_scale(inputs, total, model))

    def drop(delta: Floats, span: Span) -> None:
        if density < 1:
            delta *= _kept(inputs, model, span) * scale

    return drop


def _scale(inputs: Inputs, total: Total, model: int) -> float:
    """By how much the differences that are kept are multiplied.

    `density`: 1 / density, as in the paper, right on average. `l1`: as mergekit does, so that the
    sum of the magnitudes of this tensor is what it was.
    """
    density, rescale = inputs.settings[DENSITY][model], inputs.settings[RESCALE]
    if rescale == "none" or density >= 1:
        return 1.0
    if rescale == "density":
        return 1 / density

    def masses(span: Span) -> Sums:
        size = np.abs(inputs.delta(model, span))
        kept = size[_kept(inputs, model, span)]
        return np.array([size.sum(dtype=np.float64), kept.sum(dtype=np.float64)])

    before, after = total(masses)
    return float(before / after) if min(before, after) >= _NO_MASS else 1.0


def _kept(inputs: Inputs, model: int, span: Span) -> npt.NDArray[np.bool_]:
    """Which differences are kept: the same for one seed, whichever core draws them."""
    names = (zlib.crc32(name.encode()) for name in (inputs.name, inputs.names[model]))
    key = (inputs.settings[SEED], *names, span.start)
    drawn = np.random.Generator(np.random.SFC64(np.random.SeedSequence(key)))
    return drawn.random(span.length, dtype=np.float32) < inputs.settings[DENSITY][model]


def _added(inputs: Inputs, sparse: Sequence[Sparsify], *, elect: bool) -> Combine:
    """The base and the sum of the weighted differences.

    Args:
        sparse: for each model; empty if all differences are kept.
        elect: count only those whose sign is that of the sum, number by number.
    """

    def combine(span: Span) -> Floats:
        base, deltas = inputs.deltas(span)
        for delta, sparsify in zip(deltas, sparse, strict=False):
            sparsify(delta, span)
        return _onto(base, deltas, inputs, elect=elect)

    return combine


def _onto(base: Floats, deltas: Floats, inputs: Inputs, *, elect: bool) -> Floats:
    weights = np.array(inputs.settings[WEIGHT], np.float32)
    deltas *= weights[:, None]
    divisor: Floats | np.float32 = weights.sum()
    if elect:
        agree = np.sign(deltas) == np.where(deltas.sum(axis=0) >= 0, np.float32(1), np.float32(-1))
        deltas *= agree
        divisor = np.einsum("m,ms->s", weights, agree)
    mixed = deltas.sum(axis=0)
    if inputs.settings[NORMALIZE]:
        mixed /= np.where(np.abs(divisor) < _NO_WEIGHT, np.float32(1), divisor)
    mixed *= np.float32(inputs.settings[LAMBDA])
    return base + mixed
