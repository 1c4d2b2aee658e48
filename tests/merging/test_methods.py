"""What must hold of the formulas, whatever the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import hypothesis.extra.numpy as arrays
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.merging.cores import Cores
from metier.merging.encoding import Floats
from metier.merging.method import Inputs, TensorSettings
from metier.merging.methods import METHODS
from metier.merging.parameters import NORMALIZE
from metier.merging.selecting import kept_from
from metier.merging.weights import SPAN, Span, spans

WITH_BASE = ("task_arithmetic", "ties", "dare_linear", "dare_ties")

numbers = st.floats(-8, 8, width=32)
tensors = arrays.arrays(np.float32, 12, elements=numbers)
# Their sums are exact, so that no order of adding them changes a sign.
whole = arrays.arrays(np.float32, 12, elements=st.integers(-8, 8).map(float))
shares = st.floats(0, 1)


@dataclass(frozen=True)
class Held:
    """A tensor in memory."""

    values: Floats

    def read(self, span: Span) -> Floats:
        return self.values[span.start : span.stop]


def inputs(models: Sequence[Floats], base: Floats | None = None) -> Inputs:
    """Models of which all is kept, each with a weight of 1."""
    every = {each.name: each for method in METHODS.values() for each in method.parameters}
    values = {
        name: (1.0,) * len(models) if each.per_model else each.default
        for name, each in every.items()
    }
    return Inputs(
        name="blk.0.ffn_up.weight",
        count=len(models[0]),
        width=len(models[0]),
        names=[f"model {n}" for n in range(len(models))],
        models=[Held(model) for model in models],
        base=None if base is None else Held(base),
        settings=TensorSettings({**values, NORMALIZE.name: False}),
    )


def having(given: Inputs, **values: object) -> Inputs:
    """The same inputs with other settings."""
    return replace(given, settings=TensorSettings({**given.settings.by_name, **values}))


def combined(method: str, given: Inputs, *, threads: int = 1) -> Floats:
    with Cores(threads) as cores:
        combine = METHODS[method].function(given, cores.total(given.count))
        return np.concatenate([combine(span) for span in spans(Span(0, given.count))])


def near(one: npt.ArrayLike, other: npt.ArrayLike) -> bool:
    return bool(np.allclose(one, other, rtol=1e-4, atol=1e-5))


@given(tensors, tensors)
def test_slerp_begins_at_the_first_model_and_ends_at_the_second(a: Floats, b: Floats) -> None:
    both = inputs([a, b])
    assert near(combined("slerp", having(both, t=0.0)), a)
    assert near(combined("slerp", having(both, t=1.0)), b)


@given(tensors, shares)
def test_slerp_of_equal_tensors_is_the_tensor(a: Floats, t: float) -> None:
    assert near(combined("slerp", having(inputs([a, a]), t=t)), a)


@given(tensors, tensors, shares)
def test_slerp_is_the_same_from_the_other_side(a: Floats, b: Floats, t: float) -> None:
    there = combined("slerp", having(inputs([a, b]), t=t))
    back = combined("slerp", having(inputs([b, a]), t=1 - t))
    assert near(there, back)


def test_slerp_of_unit_vectors_stays_on_the_sphere() -> None:
    a, b = np.eye(2, dtype=np.float32)
    half = combined("slerp", inputs([a, b]))
    np.testing.assert_allclose(half, [np.sqrt(0.5)] * 2, rtol=1e-6)


def test_slerp_of_parallel_and_of_opposite_tensors_is_the_straight_line() -> None:
    a = np.array([1, 2], np.float32)
    for b in (2 * a, -a):
        np.testing.assert_allclose(combined("slerp", inputs([a, b])), (a + b) / 2, atol=1e-6)


@given(tensors, tensors)
def test_linear_is_the_mean_by_weight(a: Floats, b: Floats) -> None:
    both = having(inputs([a, b]), weight=(1.0, 3.0), normalize=True)
    assert near(combined("linear", both), (a + 3 * b) / 4)


@pytest.mark.parametrize("method", WITH_BASE)
@given(model=tensors, base=tensors)
def test_one_model_of_which_all_is_kept_is_the_model(
    method: str, model: Floats, base: Floats
) -> None:
    assert near(combined(method, inputs([model], base)), model)


@pytest.mark.parametrize("method", WITH_BASE)
@given(models=st.lists(tensors, min_size=2, max_size=3), base=tensors)
def test_with_a_lambda_of_0_it_is_the_base(method: str, models: list[Floats], base: Floats) -> None:
    assert near(combined(method, having(inputs(models, base), **{"lambda": 0.0})), base)


@pytest.mark.parametrize("method", [*WITH_BASE, "linear"])
@given(models=st.lists(whole, min_size=3, max_size=3), base=whole, data=st.data())
def test_permuting_models_with_their_weights_changes_nothing(
    method: str, models: list[Floats], base: Floats, data: st.DataObject
) -> None:
    settings = [(n, models[n], n + 1.0, (0.3, 0.6, 1.0)[n]) for n in range(3)]

    def of(order: Sequence[tuple[int, Floats, float, float]]) -> Floats:
        ordered = having(
            inputs([model for _, model, _, _ in order], base),
            weight=tuple(weight for *_, weight, _ in order),
            density=tuple(density for *_, density in order),
            normalize=True,
            rescale="none",
        )
        return combined(method, replace(ordered, names=[f"model {n}" for n, *_ in order]))

    assert near(of(data.draw(st.permutations(settings))), of(settings))


@given(st.lists(numbers, min_size=1, max_size=40), st.floats(0.01, 1, exclude_max=True))
def test_the_smallest_that_is_kept_is_the_one_that_sorting_finds(
    values: list[float], density: float
) -> None:
    deltas = np.array(values, np.float32)
    with Cores(1) as cores:
        least = kept_from(
            Held(deltas).read, cores.total(len(deltas)), count=len(deltas), density=density
        )
    kept = max(1, int(density * len(deltas)))
    assert least == np.sort(np.abs(deltas))[::-1][kept - 1]


def test_ties_trims_elects_and_averages_those_that_agree() -> None:
    base = np.zeros(4, np.float32)
    first = np.array([4, 1, -2, 0.5], np.float32)
    second = np.array([2, -3, -4, 0.5], np.float32)
    both = having(inputs([first, second], base), density=(0.5, 0.75), normalize=True)
    # Kept: 4 and -2 of the first; all but 0.5 of the second.
    np.testing.assert_allclose(combined("ties", both), [3, -3, -3, 0])


def test_what_is_dropped_depends_on_the_seed_the_tensor_and_the_model_and_on_no_thread() -> None:
    count = 3 * SPAN + 5
    draw = np.random.default_rng(0)
    model, base = draw.standard_normal((2, count), dtype=np.float32)
    one = having(inputs([model], base), density=(0.5,))
    first = combined("dare_linear", one)
    np.testing.assert_array_equal(first, combined("dare_linear", one, threads=3))
    for other in (having(one, seed=1), replace(one, name="x"), replace(one, names=["y"])):
        assert (combined("dare_linear", other) != first).mean() > 0.3


def test_a_tensor_of_many_spans_is_one_vector() -> None:
    count = 20 * SPAN + 7
    draw = np.random.default_rng(1)
    a, b = draw.standard_normal((2, count), dtype=np.float32)
    cosine = float(a.astype(np.float64) @ b / np.linalg.norm(a) / np.linalg.norm(b))
    angle = np.arccos(cosine)
    shares = [np.sin(part * angle) / np.sin(angle) for part in (0.7, 0.3)]
    merged = combined("slerp", having(inputs([a, b]), t=0.3), threads=2)
    np.testing.assert_allclose(merged, shares[0] * a + shares[1] * b, rtol=1e-5, atol=1e-6)
