"""The formulas, tensor by tensor, with the defaults of mergekit 0.1.5.

A method looks at a tensor as often as it has to (for a norm, a threshold), and returns what makes
a span of the result of the same span of the inputs. So memory does not grow with the tensor.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from metier.merging.cores import Sums, Total
from metier.merging.encoding import Floats
from metier.merging.selecting import kept_from
from metier.merging.weights import Span, Weights

MethodName = Literal["linear", "slerp", "task_arithmetic", "ties", "dare_linear", "dare_ties"]
Rescale = Literal["l1", "density", "none"]
Combine = Callable[[Span], Floats]

# mergekit's: below it a norm counts as 0, above it the cosine of two tensors as 1.
_NO_NORM = 1e-8
_COLLINEAR = 0.9995
_NO_WEIGHT = 1e-8
_NO_MASS = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """One tensor of all models, and what was set for it.

    Attributes:
        name: of the tensor. With the seed and a model's name it decides what is drawn at random.
        count: how many numbers it has.
        names: of the models, the base left out.
        models: the tensor in each of them.
        base: the tensor in the model that they were made from; None for `linear` and `slerp`.
        weights, densities: one for each model.
        t: how far from the first model to the second, 0 to 1.
        scale: lambda, by which the sum of what the models learnt is multiplied.
    """

    name: str
    count: int
    names: Sequence[str]
    models: Sequence[Weights]
    base: Weights | None
    weights: Sequence[float]
    densities: Sequence[float]
    t: float
    scale: float
    normalize: bool
    rescale: Rescale
    seed: int

    def delta(self, model: int, span: Span) -> Floats:
        """What a model has learnt over the base."""
        assert self.base is not None  # a recipe without one is refused
        return self.models[model].read(span) - self.base.read(span)

    def deltas(self, span: Span) -> tuple[Floats, Floats]:
        """The base, shape (length,), and all deltas, shape (models, length)."""
        assert self.base is not None
        base = self.base.read(span)
        return base, np.stack([model.read(span) - base for model in self.models])


Method = Callable[[Inputs, Total], Combine]


def linear(inputs: Inputs, total: Total) -> Combine:
    """The weighted mean, or with `normalize` off the weighted sum.

    Wortsman et al. 2022, "Model soups", section 2.
    """
    whole = math.fsum(inputs.weights) if inputs.normalize else 1.0
    shares = [np.float32(weight / whole) for weight in inputs.weights]

    def combine(span: Span) -> Floats:
        result = shares[0] * inputs.models[0].read(span)
        for share, model in zip(shares[1:], inputs.models[1:], strict=True):
            result += share * model.read(span)
        return result

    return combine


def slerp(inputs: Inputs, total: Total) -> Combine:
    """Along the arc between two tensors (Shoemake 1985, "Animating rotation", section 3.3).

    The whole tensor is one vector. Where the two point the same way, or opposite ways, it is the
    straight line.
    """
    first, second = inputs.models
    products = total(partial(_products, first, second))
    of_first, of_second = (np.float32(share) for share in _arc(products, inputs.t))

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


def task_arithmetic(inputs: Inputs, total: Total) -> Combine:
    """The base, and the weighted sum of what each model learnt over it.

    Ilharco et al. 2023, "Editing models with task arithmetic", section 2.
    """

    def combine(span: Span) -> Floats:
        base, deltas = inputs.deltas(span)
        return _onto(base, deltas, inputs, elect=False)

    return combine


def ties(inputs: Inputs, total: Total) -> Combine:
    """Trim, elect a sign, and take the mean of those that agree.

    Yadav et al. 2023, "TIES-merging", section 4. Of each model the share `density` of the largest
    differences is kept; of equally large ones at the border all are.
    """
    least = [
        kept_from(partial(inputs.delta, model), total, count=inputs.count, density=density)
        for model, density in enumerate(inputs.densities)
    ]

    def combine(span: Span) -> Floats:
        base, deltas = inputs.deltas(span)
        for delta, border in zip(deltas, least, strict=True):
            delta[np.abs(delta) < border] = 0
        return _onto(base, deltas, inputs, elect=True)

    return combine


def dare_linear(inputs: Inputs, total: Total) -> Combine:
    """Drop differences at random, scale up those that stay, and add as task arithmetic does.

    Yu et al. 2024, "Language models are super Mario", section 3.2.
    """
    return _dare(inputs, total, elect=False)


def dare_ties(inputs: Inputs, total: Total) -> Combine:
    """Drop at random, scale up, and elect a sign as TIES does."""
    return _dare(inputs, total, elect=True)


def _dare(inputs: Inputs, total: Total, *, elect: bool) -> Combine:
    scales = [
        _dare_scale(inputs, total, model=model, density=density)
        for model, density in enumerate(inputs.densities)
    ]

    def combine(span: Span) -> Floats:
        base, deltas = inputs.deltas(span)
        for model, scale in enumerate(scales):
            if inputs.densities[model] < 1:
                deltas[model] *= _drawn(inputs, model, span) * np.float32(scale)
        return _onto(base, deltas, inputs, elect=elect)

    return combine


def _dare_scale(inputs: Inputs, total: Total, *, model: int, density: float) -> float:
    """By how much those that stay are multiplied.

    `density`: 1 / density, as in the paper, right on average. `l1`: as mergekit does, so that the
    sum of the magnitudes of this tensor is what it was.
    """
    if inputs.rescale == "none" or density >= 1:
        return 1.0
    if inputs.rescale == "density":
        return 1 / density

    def masses(span: Span) -> Sums:
        size = np.abs(inputs.delta(model, span))
        kept = size[_drawn(inputs, model, span)]
        return np.array([size.sum(dtype=np.float64), kept.sum(dtype=np.float64)])

    before, after = total(masses)
    return float(before / after) if min(before, after) >= _NO_MASS else 1.0


def _drawn(inputs: Inputs, model: int, span: Span) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which differences stay: always the same for one seed, whichever core draws them."""
    names = (zlib.crc32(name.encode()) for name in (inputs.name, inputs.names[model]))
    key = (inputs.seed, *names, span.start)
    drawn = np.random.Generator(np.random.SFC64(np.random.SeedSequence(key)))
    return drawn.random(span.length, dtype=np.float32) < inputs.densities[model]


def _onto(base: Floats, deltas: Floats, inputs: Inputs, *, elect: bool) -> Floats:
    """The base and the sum of the weighted deltas, which may be changed.

    Args:
        elect: count only those whose sign is that of the sum, number by number.
    """
    weights = np.array(inputs.weights, np.float32)
    deltas *= weights[:, None]
    divisor: Floats | np.float32 = weights.sum()
    if elect:
        agree = np.sign(deltas) == np.where(deltas.sum(axis=0) >= 0, np.float32(1), np.float32(-1))
        deltas *= agree
        divisor = np.einsum("m,ms->s", weights, agree)
    mixed = deltas.sum(axis=0)
    if inputs.normalize:
        mixed /= np.where(np.abs(divisor) < _NO_WEIGHT, np.float32(1), divisor)
    mixed *= np.float32(inputs.scale)
    return base + mixed


METHODS: dict[MethodName, Method] = {
    "linear": linear,
    "slerp": slerp,
    "task_arithmetic": task_arithmetic,
    "ties": ties,
    "dare_linear": dare_linear,
    "dare_ties": dare_ties,
}
