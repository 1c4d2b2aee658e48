"""Methods that merge whole weights, with the formulas and defaults of mergekit 0.1.5.

The others, which merge what models have learnt over a base, are in `deltas.py`.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from metier.merging import deltas
from metier.merging.cores import Sums, Total
from metier.merging.encoding import Floats
from metier.merging.method import METHODS, Combine, Inputs, TensorSettings, method
from metier.merging.parameters import NORMALIZE, WEIGHT, T
from metier.merging.weights import Span, Weights

__all__ = ["METHODS", "deltas"]

# mergekit's: below it a norm counts as 0, above it the cosine of two tensors as 1.
_NO_NORM = 1e-8
_COLLINEAR = 0.9995
_NO_WEIGHT = 1e-8


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
    """The weighted mean of the models.

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


@method(paper="Shoemake 1985", least=2, most=2, parameters=[T])
def slerp(inputs: Inputs, total: Total) -> Combine:
    """A point on the arc between two models, tensor by tensor.

    Shoemake 1985, "Animating rotation with quaternion curves", section 3.3. A whole tensor is one
    vector. If both point the same way, or opposite ways, it is the straight line.
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
    """What a span adds to |a|², |b|² and a·b."""
    a, b = first.read(span), second.read(span)
    return np.array([_dot(a, a), _dot(b, b), _dot(a, b)])


def _dot(a: Floats, b: Floats) -> float:
    """In short runs that are added in float64; not by BLAS, whose threads would fight ours."""
    runs = len(a) // 4096 * 4096
    whole = np.einsum("ij,ij->i", a[:runs].reshape(-1, 4096), b[:runs].reshape(-1, 4096))
    rest = np.einsum("i,i->", a[runs:], b[runs:])
    return float(whole.sum(dtype=np.float64)) + float(rest)


def _arc(products: Sums, t: float) -> tuple[float, float]:
    """The shares of both tensors."""
    norm_a, norm_b = (
        root if (root := math.sqrt(square)) > _NO_NORM else 1.0 for square in products[:2]
    )
    cosine = min(1.0, max(-1.0, products[2] / norm_a / norm_b))
    if abs(cosine) > _COLLINEAR:
        return 1 - t, t
    angle = math.acos(cosine)
    return math.sin((1 - t) * angle) / math.sin(angle), math.sin(t * angle) / math.sin(angle)
