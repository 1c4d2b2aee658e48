"""Methods that merge whole weights, with the formulas and defaults of mergekit 0.1.5.

Methods that add differences to a base are in `deltas.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations_with_replacement

import numpy as np

from metier.merging import deltas
from metier.merging.cores import Sums, Total
from metier.merging.encoding import Floats
from metier.merging.method import METHODS, Combine, Inputs, TensorSettings, method
from metier.merging.parameters import (
    FILTER_WISE,
    FLATTEN,
    NORMALIZE,
    ROW_WISE,
    SCALE,
    WEIGHT,
    T,
)
from metier.merging.vectors import Vectors
from metier.merging.weights import Span, Weights

# Importing `deltas` declares its methods.
__all__ = ["METHODS", "deltas"]

# mergekit's limits: below them a value counts as 0. Linear: a sum of weights. Slerp: a norm; and
# above it a cosine counts as 1. Nuslerp: a sum of weights, a norm. Model stock: a product of norms.
_NO_WEIGHT = 1e-8
_NO_NORM, _COLLINEAR = 1e-8, 0.9995
_NO_SHARE, _NO_LENGTH = 1e-6, 1e-7
_NO_LEARNING = 1e-6
# mergekit computes nuslerp's cosine in float32, which rounds values this close to 1.
_PARALLEL = 3e-8


def _no_sum(settings: TensorSettings) -> str:
    if settings[NORMALIZE] and abs(sum(settings[WEIGHT])) < _NO_WEIGHT:
        return "the weights sum to 0, and linear divides by their sum; set normalize = false"
    return ""


@method(
    paper="arXiv 2203.05482",
    least=2,
    parameters=[WEIGHT, NORMALIZE.defaulting_to(True)],
    problem=_no_sum,
)
def linear(inputs: Inputs, total: Total) -> Combine:
    """Take the weighted mean of the models.

    Without `normalize`, the weighted sum. Wortsman et al. 2022, "Model soups", section 2.
    """
    weights = inputs.settings[WEIGHT]
    whole = math.fsum(weights) if inputs.settings[NORMALIZE] else 1.0
    shares = [np.float32(weight / whole) for weight in weights]

    def combine(span: Span) -> Floats:
        result = shares[0] * inputs.models[0].read(span)
        for share, model in zip(shares[1:], inputs.models[1:], strict=True):
            result += share * model.read(span)
        return result

    return combine


@method(paper="", most=1, parameters=[SCALE])
def passthrough(inputs: Inputs, total: Total) -> Combine:
    """Take one model as it is, or multiply its weights by a factor.

    From mergekit; there is no paper.
    """
    (model,), scale = inputs.models, np.float32(inputs.settings[SCALE][0])
    return lambda span: scale * model.read(span)


@method(paper="Shoemake 1985", least=2, most=2, parameters=[T])
def slerp(inputs: Inputs, total: Total) -> Combine:
    """Interpolate along the arc from one model to the other, tensor by tensor.

    Shoemake 1985, "Animating rotation with quaternion curves", section 3.3. A whole tensor is one
    vector. If both point the same or opposite ways, the interpolation is linear.
    """
    first, second = inputs.models
    products = total(partial(_products, first, second))
    of_first, of_second = (np.float32(share) for share in _arc(products, inputs.settings[T]))

    def combine(span: Span) -> Floats:
        result: Floats = of_first * first.read(span)
        result += of_second * second.read(span)
        return result

    return combine


def _products(first: Weights, second: Weights, span: Span) -> Sums:
    """A span's contribution to |a|², |b|² and a·b."""
    a, b = first.read(span), second.read(span)
    return np.array([_dot(a, a), _dot(b, b), _dot(a, b)])


def _dot(a: Floats, b: Floats) -> float:
    """Sum short runs in float64; not with BLAS, whose threads would compete with ours."""
    runs = len(a) // 4096 * 4096
    whole = np.einsum("ij,ij->i", a[:runs].reshape(-1, 4096), b[:runs].reshape(-1, 4096))
    rest = np.einsum("i,i->", a[runs:], b[runs:])
    return float(whole.sum(dtype=np.float64)) + float(rest)


def _arc(products: Sums, t: float) -> tuple[float, float]:
    norm_a, norm_b = (
        root if (root := math.sqrt(square)) > _NO_NORM else 1.0 for square in products[:2]
    )
    cosine = min(1.0, max(-1.0, products[2] / norm_a / norm_b))
    if abs(cosine) > _COLLINEAR:
        return 1 - t, t
    angle = math.acos(cosine)
    return math.sin((1 - t) * angle) / math.sin(angle), math.sin(t * angle) / math.sin(angle)


def _row_wise_alone(settings: TensorSettings) -> str:
    if settings[ROW_WISE] and settings[FLATTEN]:
        return "nuslerp_row_wise has no effect unless nuslerp_flatten = false"
    return ""


@method(
    paper="",
    base="optional",
    least=2,
    most=2,
    parameters=[WEIGHT, FLATTEN, ROW_WISE],
    problem=_row_wise_alone,
)
def nuslerp(inputs: Inputs, total: Total) -> Combine:
    """Like slerp, with weights; with a base, interpolate between the differences from it.

    From mergekit; there is no paper. Unlike slerp, it is linear for parallel vectors only.
    """
    cut = "columns" if inputs.settings[ROW_WISE] else "rows"
    vectors = Vectors(
        "whole" if inputs.settings[FLATTEN] else cut, count=inputs.count, width=inputs.width
    )

    def products(span: Span) -> Sequence[Floats]:
        a, b = inputs.deltas(span)[1]
        return a * a, b * b, a * b

    shares = _even_arc(vectors.sums(total, products), _share(inputs.settings[WEIGHT]))

    def combine(span: Span) -> Floats:
        base, (a, b) = inputs.deltas(span)
        return base + vectors.spread(shares[0], span) * a + vectors.spread(shares[1], span) * b

    return combine


def _share(weights: Sequence[float]) -> float:
    """The position between the first model (0) and the second (1)."""
    whole = sum(weights)
    return 0.5 if abs(whole) < _NO_SHARE else weights[1] / whole


def _even_arc(products: Sums, t: float) -> Sums:
    """The shares of both tensors, shape (2, vectors)."""
    norms = np.maximum(np.sqrt(products[:2]), _NO_LENGTH)
    cosine = np.clip(products[2] / norms[0] / norms[1], -1, 1)
    straight = 1 - np.abs(cosine) < _PARALLEL
    angle = np.arccos(np.where(straight, 0, cosine))
    arc = np.sin(np.outer([1 - t, t], angle)) / np.sin(angle)
    return np.where(straight, np.array([[1 - t], [t]]), arc)


@method(paper="arXiv 2403.19522", base="required", least=2, parameters=[FILTER_WISE])
def model_stock(inputs: Inputs, total: Total) -> Combine:
    """Move from the base towards the mean of the models, further the more they agree.

    Jang et al. 2024, "Model stock": the ratio for N models, from the mean cosine between the
    differences of each pair.
    """
    cut = "rows" if inputs.settings[FILTER_WISE] else "whole"
    vectors = Vectors(cut, count=inputs.count, width=inputs.width)
    pairs = list(combinations_with_replacement(range(len(inputs.models)), 2))

    def products(span: Span) -> Sequence[Floats]:
        deltas = inputs.deltas(span)[1]
        return [deltas[a] * deltas[b] for a, b in pairs]

    by_pair = dict(zip(pairs, vectors.sums(total, products), strict=True))
    ratio = _ratio(by_pair, len(inputs.models))

    def combine(span: Span) -> Floats:
        base, deltas = inputs.deltas(span)
        return base + vectors.spread(ratio, span) * deltas.mean(axis=0)

    return combine


def _ratio(products: Mapping[tuple[int, int], Sums], count: int) -> Sums:
    """The position between the base (0) and the mean (1), for each vector."""
    norms = [np.sqrt(products[n, n]) for n in range(count)]
    cosines = [
        np.clip(product / np.maximum(norms[a] * norms[b], _NO_LEARNING), -1, 1)
        for (a, b), product in products.items()
        if a != b
    ]
    cosine = np.mean(cosines, axis=0)
    whole = 1 + (count - 1) * cosine
    singular = np.abs(whole) < _NO_LEARNING
    return np.where(singular, 0, count * cosine / np.where(singular, 1, whole))
