"""What must hold of the formulas, whatever the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from small_models import Held

from metier.merging.cores import Cores
from metier.merging.deltas import by_rank
from metier.merging.encoding import Floats
from metier.merging.method import Inputs, Parameter, TensorSettings
from metier.merging.methods import METHODS
from metier.merging.parameters import NORMALIZE
from metier.merging.selecting import magnitudes
from metier.merging.weights import SPAN, Span, spans

WITH_BASE = [name for name, each in METHODS.items() if each.base == "required" and each.least == 1]

numbers = st.floats(-8, 8, width=32)
tensors = arrays.arrays(np.float32, 12, elements=numbers)
# Their sums are exact, so that no order of adding them changes a sign.
whole = arrays.arrays(np.float32, 12, elements=st.integers(-8, 8).map(float))
shares = st.floats(0, 1)


def inputs(models: Sequence[Floats], base: Floats | None = None) -> Inputs:
    """Models of which all is kept, each with a weight of 1."""
    values: dict[str, object] = {}
    for parameter in (each for method in METHODS.values() for each in method.parameters):
        number = 1.0 if parameter.default is None else parameter.default
        values[parameter.name] = (number,) * len(models) if parameter.per_model else number
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


@given(st.lists(numbers, min_size=1, max_size=40), st.data())
def test_the_magnitudes_of_ranks_are_those_that_sorting_finds(
    values: list[float], data: st.DataObject
) -> None:
    deltas = np.array(values, np.float32)
    ranks = data.draw(st.lists(st.integers(1, len(values)), min_size=1, max_size=3))
    with Cores(1) as cores:
        found = magnitudes(Held(deltas).read, cores.total(len(deltas)), ranks)
    assert found == np.sort(np.abs(deltas))[::-1][np.array(ranks) - 1].tolist()


def test_ties_trims_elects_and_averages_those_that_agree() -> None:
    base = np.zeros(4, np.float32)
    first = np.array([4, 1, -2, 0.5], np.float32)
    second = np.array([2, -3, -4, 0.5], np.float32)
    both = having(inputs([first, second], base), density=(0.5, 0.75), normalize=True)
    # Kept: 4 and -2 of the first; all but 0.5 of the second.
    np.testing.assert_allclose(combined("ties", both), [3, -3, -3, 0])


def test_breadcrumbs_drop_the_largest_and_the_smallest() -> None:
    base = np.zeros(10, np.float32)
    model = np.array([1, -9, 3, -4, 10, 6, -7, 8, 2, 5], np.float32)
    one = having(inputs([model], base), density=(0.5,), gamma=(0.2,))
    # The two largest go, then as many of the smallest as leave half.
    np.testing.assert_array_equal(combined("breadcrumbs", one), [0, 0, 0, -4, 0, 6, -7, 8, 0, 5])
    # Where that would leave too few, less is dropped of the largest.
    most = having(inputs([model], base), density=(0.9,), gamma=(0.2,))
    np.testing.assert_array_equal(combined("breadcrumbs", most), np.where(model == 10, 0, model))


@pytest.mark.parametrize("method", ["ties", "breadcrumbs", "dare_linear", "della"])
@pytest.mark.parametrize("rescale", ["l1", "density"])
def test_a_density_of_0_keeps_nothing(method: str, rescale: str) -> None:
    base, model = np.eye(2, dtype=np.float32)
    none = having(inputs([model], base), density=(0.0,), rescale=rescale)
    np.testing.assert_array_equal(combined(method, none), base)


def rows_of_many_spans(seed: int) -> Floats:
    """Rows of which some begin in one span and end in the next."""
    return np.random.default_rng(seed).standard_normal((140, 1000), dtype=np.float32)


def test_della_keeps_large_differences_of_a_row_more_often() -> None:
    rows = rows_of_many_spans(0)
    one = replace(inputs([rows.ravel()], np.zeros(rows.size, np.float32)), width=1000)
    given = having(one, density=(0.5,), epsilon=(0.2,))
    every = list(spans(Span(0, rows.size)))
    chances = np.concatenate([by_rank(given, 0, span) for span in every]).reshape(rows.shape)
    order = np.argsort(np.abs(rows), axis=1)
    np.testing.assert_allclose(
        np.take_along_axis(chances, order, axis=1)[77], np.linspace(0.3, 0.7, 1000), rtol=1e-5
    )
    kept = combined("della_linear", having(given, rescale="none")) != 0
    assert kept.mean() == pytest.approx(0.5, abs=0.01)
    assert kept[(chances > 0.65).ravel()].mean() == pytest.approx(0.675, abs=0.01)


def test_scaled_by_chance_differences_are_right_on_average() -> None:
    rows = np.random.default_rng(0).standard_normal((50, 16), dtype=np.float32)
    one = replace(inputs([rows.ravel()], np.zeros(rows.size, np.float32)), width=16)
    given = having(one, density=(0.5,), epsilon=(0.3,), rescale="density")
    runs = [combined("della_linear", having(given, seed=seed)) for seed in range(400)]
    # The largest variance of a number is that of 1 / 0.2 kept with 0.2: 4 of its square.
    error = 2 * np.abs(rows.ravel()) / np.sqrt(400)
    assert (np.abs(np.mean(runs, axis=0) - rows.ravel()) < 5 * error + 1e-6).all()


@pytest.mark.parametrize(("row_wise", "axis"), [(False, 1), (True, 0)])
def test_nuslerp_takes_rows_or_columns_for_vectors(row_wise: bool, axis: int) -> None:
    a, b = rows_of_many_spans(0), rows_of_many_spans(1)
    both = replace(inputs([a.ravel(), b.ravel()]), width=1000)
    given = having(both, weight=(1.0, 3.0), nuslerp_flatten=False, nuslerp_row_wise=row_wise)
    cosine = (a.astype(np.float64) * b).sum(axis=axis, keepdims=True)
    cosine /= np.linalg.norm(a, axis=axis, keepdims=True)
    angle = np.arccos(cosine / np.linalg.norm(b, axis=axis, keepdims=True))
    expected = (np.sin(0.25 * angle) * a + np.sin(0.75 * angle) * b) / np.sin(angle)
    merged = combined("nuslerp", given, threads=2).reshape(a.shape)
    np.testing.assert_allclose(merged, expected, rtol=1e-4, atol=1e-5)


@given(tensors, tensors)
def test_nuslerp_with_a_base_of_zeros_is_nuslerp_without(a: Floats, b: Floats) -> None:
    zeros = np.zeros_like(a)
    assert near(combined("nuslerp", inputs([a, b], zeros)), combined("nuslerp", inputs([a, b])))


@given(tensors, tensors)
def test_the_stock_of_models_that_agree_is_the_model(model: Floats, base: Floats) -> None:
    assume(np.linalg.norm(model - base) > 0.01)
    assert near(combined("model_stock", inputs([model, model], base)), model)


def test_the_stock_of_models_that_learnt_different_things_is_the_base() -> None:
    base = np.full(3, 5, np.float32)
    models = [base + learnt for learnt in np.eye(3, dtype=np.float32)]
    np.testing.assert_array_equal(combined("model_stock", inputs(models, base)), base)


@given(tensors, st.floats(-2, 2, width=32))
def test_passthrough_multiplies(model: Floats, scale: float) -> None:
    one = having(inputs([model]), scale=(scale,))
    np.testing.assert_array_equal(combined("passthrough", one), np.float32(scale) * model)


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


def shown(parameter: Parameter[Any]) -> str:
    match parameter.default:
        case None:
            default = "an even share"
        case bool() as flag:
            default = "on" if flag else "off"
        case other:
            default = f"{other}".removesuffix(".0")
    return f"`{parameter.name}` ({default})"


def test_the_docs_show_every_method_as_it_is_declared() -> None:
    text = Path("docs/merging.md").read_text(encoding="utf-8")
    rows = [
        f"| `{each.name}` | {each.makes} | {each.needs} | "
        f"{', '.join(map(shown, each.parameters))} | {each.paper or 'none'} |"
        for each in METHODS.values()
    ]
    assert [row for row in rows if row not in text] == []


def test_the_docs_explain_every_parameter() -> None:
    text = Path("docs/merging.md").read_text(encoding="utf-8")
    every = {each.name: each for method in METHODS.values() for each in method.parameters}
    rows = [f"| `{each.name}` | {each.help} |" for each in every.values()]
    assert [row for row in rows if row not in text] == []
