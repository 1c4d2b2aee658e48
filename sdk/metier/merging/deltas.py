"""Methods that merge what models have learnt: their differences from a common base.

Formulas and defaults are those of mergekit 0.1.5. Each method makes the differences sparse in its
own way, then weights them and adds them to the base.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from metier.merging.cores import Sums, Total
from metier.merging.encoding import Floats
from metier.merging.method import Combine, Inputs, TensorSettings, method
from metier.merging.parameters import (
    DENSITY,
    EPSILON,
    GAMMA,
    LAMBDA,
    NORMALIZE,
    RESCALE,
    SEED,
    WEIGHT,
)
from metier.merging.selecting import magnitudes
from metier.merging.weights import Span

# Drops some of a model's differences in one span, in place.
Sparsify = Callable[[Floats, Span], None]
# The probability of keeping each difference of a span.
Probability = Callable[[Span], Floats | np.float32]

# mergekit's limits: below them a sum of weights, or of magnitudes, counts as 0.
_NO_WEIGHT = 1e-8
_NO_MASS = 1e-7

_SUMMED = (WEIGHT, LAMBDA, NORMALIZE)
_ELECTED = (WEIGHT, LAMBDA, NORMALIZE.defaulting_to(True))


@method(paper="arXiv 2212.04089", base="required", parameters=_SUMMED)
def task_arithmetic(inputs: Inputs, total: Total) -> Combine:
    """Add the weighted sum of what each model has learnt to the base.

    Ilharco et al. 2023, "Editing models with task arithmetic", section 2.
    """
    return _added(inputs, [], elect=False)


@method(paper="arXiv 2306.01708", base="required", parameters=[*_ELECTED, DENSITY])
def ties(inputs: Inputs, total: Total) -> Combine:
    """Add only the largest differences, and of those only the ones with the winning sign.

    Yadav et al. 2023, "TIES-merging", section 4. Equally large ones at the cutoff are all kept.
    """

    def largest(model: int) -> Sparsify:
        density = inputs.settings[DENSITY][model]
        count = max(1, int(density * inputs.count)) if density > 0 else 0
        return _between(inputs, total, model, first=1, count=count)

    return _added(inputs, _each(inputs, largest), elect=True)


@method(paper="arXiv 2312.06795", base="required", parameters=[*_SUMMED, DENSITY, GAMMA])
def breadcrumbs(inputs: Inputs, total: Total) -> Combine:
    """Add the differences except the largest and the smallest.

    Davari and Belilovsky 2024, "Model breadcrumbs", section 3. Equally large ones at the cutoffs
    are all kept.
    """
    return _added(inputs, _each(inputs, partial(_breadcrumbs, inputs, total)), elect=False)


@method(paper="arXiv 2312.06795", base="required", parameters=[*_SUMMED, DENSITY, GAMMA])
def breadcrumbs_ties(inputs: Inputs, total: Total) -> Combine:
    """Add the differences with the winning sign, except the largest and the smallest.

    Davari and Belilovsky 2024, "Model breadcrumbs", section 3; Yadav et al. 2023, section 4.
    """
    return _added(inputs, _each(inputs, partial(_breadcrumbs, inputs, total)), elect=True)


def _breadcrumbs(inputs: Inputs, total: Total, model: int) -> Sparsify:
    """Drop the share `gamma` of the largest, or less if needed to keep the share `density`."""
    count = int(inputs.settings[DENSITY][model] * inputs.count)
    dropped = min(int(inputs.settings[GAMMA][model] * inputs.count), inputs.count - count)
    return _between(inputs, total, model, first=1 + dropped, count=count)


def _between(inputs: Inputs, total: Total, model: int, *, first: int, count: int) -> Sparsify:
    """Keep `count` differences from rank `first` on; rank 1 is the largest."""
    if count >= inputs.count:
        return lambda delta, span: None
    if count == 0:
        return lambda delta, span: delta.fill(0)
    most, least = magnitudes(partial(inputs.delta, model), total, [first, first + count - 1])

    def trim(delta: Floats, span: Span) -> None:
        size = np.abs(delta)
        delta[(size < least) | (size > most)] = 0

    return trim


@method(paper="arXiv 2311.03099", base="required", parameters=[*_SUMMED, DENSITY, RESCALE, SEED])
def dare_linear(inputs: Inputs, total: Total) -> Combine:
    """Drop differences at random, scale up the others, and add them.

    Yu et al. 2024, "Language models are super Mario", section 3.2.
    """
    return _added(inputs, _each(inputs, partial(_dare, inputs, total)), elect=False)


@method(paper="arXiv 2311.03099", base="required", parameters=[*_SUMMED, DENSITY, RESCALE, SEED])
def dare_ties(inputs: Inputs, total: Total) -> Combine:
    """Drop differences at random, scale up the others, and add those with the winning sign.

    Yu et al. 2024, "Language models are super Mario", section 3.2; Yadav et al. 2023, section 4.
    """
    return _added(inputs, _each(inputs, partial(_dare, inputs, total)), elect=True)


def _dare(inputs: Inputs, total: Total, model: int) -> Sparsify:
    density = np.float32(inputs.settings[DENSITY][model])
    return _random(inputs, total, model, lambda span: density)


def _outside(settings: TensorSettings) -> str:
    for density, epsilon in zip(settings[DENSITY], settings[EPSILON], strict=True):
        if 0 < density < 1 and not epsilon < density < 1 - epsilon:
            return f"density {density:g} ± epsilon {epsilon:g} must be between 0 and 1"
    return ""


@method(
    paper="arXiv 2406.11617",
    base="required",
    parameters=[*_ELECTED, DENSITY, EPSILON, RESCALE, SEED],
    problem=_outside,
)
def della(inputs: Inputs, total: Total) -> Combine:
    """Like dare_ties, but drop small differences more often than large ones.

    Deep et al. 2024, "DELLA-merging", section 3.
    """
    return _added(inputs, _each(inputs, partial(_della, inputs, total)), elect=True)


@method(
    paper="arXiv 2406.11617",
    base="required",
    parameters=[*_SUMMED, DENSITY, EPSILON, RESCALE, SEED],
    problem=_outside,
)
def della_linear(inputs: Inputs, total: Total) -> Combine:
    """Like dare_linear, but drop small differences more often than large ones.

    Deep et al. 2024, "DELLA-merging", section 3, without the election.
    """
    return _added(inputs, _each(inputs, partial(_della, inputs, total)), elect=False)


def _della(inputs: Inputs, total: Total, model: int) -> Sparsify:
    return _random(inputs, total, model, partial(by_rank, inputs, model))


def by_rank(inputs: Inputs, model: int, span: Span) -> Floats:
    """Return the probability with which DELLA keeps each difference of a span.

    It rises with the rank of the magnitude in its row, from density - epsilon to density + epsilon.
    """
    density, epsilon = inputs.settings[DENSITY][model], inputs.settings[EPSILON][model]
    width = inputs.width
    start = span.start // width * width
    rows = inputs.delta(model, Span(start, -(-span.stop // width) * width)).reshape(-1, width)
    # The bits of magnitudes sort like the magnitudes; the column in the lower bits breaks ties.
    bits = np.abs(rows).view(np.uint32).astype(np.uint64) << 32 | np.arange(width, dtype=np.uint64)
    bits.sort(axis=1)
    order = (bits & 0xFFFFFFFF).astype(np.intp)
    steps = np.linspace(density - epsilon, density + epsilon, width, dtype=np.float32)
    found = np.empty_like(rows)
    np.put_along_axis(found, order, np.broadcast_to(steps, rows.shape), axis=1)
    return found.reshape(-1)[span.start - start :][: span.length]


def _random(inputs: Inputs, total: Total, model: int, probability: Probability) -> Sparsify:
    """Keep each difference with its probability, and scale up those that are kept.

    `rescale` by density multiplies by 1 / the probability, as in the papers, so that the mean is
    right; l1 restores the tensor's sum of magnitudes, as mergekit does.
    """
    density, rescale = inputs.settings[DENSITY][model], inputs.settings[RESCALE]
    if density >= 1:
        return lambda delta, span: None
    if density <= 0:
        return lambda delta, span: delta.fill(0)
    scale = np.float32(_scale(inputs, total, model, probability) if rescale == "l1" else 1)

    def drop(delta: Floats, span: Span) -> None:
        chance = probability(span)
        delta *= _drawn(inputs, model, span) < chance
        delta *= 1 / chance if rescale == "density" else scale

    return drop


def _scale(inputs: Inputs, total: Total, model: int, probability: Probability) -> float:
    def masses(span: Span) -> Sums:
        size = np.abs(inputs.delta(model, span))
        kept = size[_drawn(inputs, model, span) < probability(span)]
        return np.array([size.sum(dtype=np.float64), kept.sum(dtype=np.float64)])

    before, after = total(masses)
    return float(before / after) if min(before, after) >= _NO_MASS else 1.0


def _drawn(inputs: Inputs, model: int, span: Span) -> Floats:
    """Random numbers from 0 to 1: the same for the same seed, whichever core draws them."""
    names = (zlib.crc32(name.encode()) for name in (inputs.name, inputs.names[model]))
    key = (inputs.settings[SEED], *names, span.start)
    drawn = np.random.Generator(np.random.SFC64(np.random.SeedSequence(key)))
    return drawn.random(span.length, dtype=np.float32)


def _each(inputs: Inputs, sparsify: Callable[[int], Sparsify]) -> list[Sparsify]:
    return [sparsify(model) for model in range(len(inputs.models))]


def _added(inputs: Inputs, sparse: Sequence[Sparsify], *, elect: bool) -> Combine:
    """Add the sum of the weighted differences to the base.

    Args:
        sparse: for each model; empty if all differences are kept.
        elect: number by number, count only those with the sign of the sum.
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
