"""LoRA adapters as parents, against the sum that is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from benchmarks import ggufs
from small_models import ROWS, WIDTH, model, plan, recipe, weights

from metier.errors import InvalidInput, MergeRefused
from metier.merging.merging import merge
from metier.merging.recipe import Recipe
from metier.merging.report import MergeReport, keep

RANK, ALPHA = 4, 6.0
QUERY, UP = "blk.0.attn_q.weight", "blk.1.ffn_up.weight"
EMBEDDING = "token_embd.weight"


def halves(seed: int, *names: str) -> dict[str, np.ndarray]:
    """A and B for these tensors, as llama.cpp stores them."""
    draw = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for name in names:
        rows, width = weights(0)[name].shape
        a, b = draw.standard_normal((RANK, width)), draw.standard_normal((rows, RANK))
        stored = (b, a.T) if name == EMBEDDING else (a, b)
        found |= {f"{name}.lora_a": stored[0], f"{name}.lora_b": stored[1]}
    return {name: values.astype(np.float32) for name, values in found.items()}


def added(parts: Mapping[str, np.ndarray], name: str, factor: float) -> np.ndarray:
    a, b = parts[f"{name}.lora_a"], parts[f"{name}.lora_b"]
    return factor * (a @ b.T if name == EMBEDDING else b @ a)


def adapter(
    path: Path, parts: Mapping[str, np.ndarray], *, alpha: float = ALPHA, **given: Any
) -> str:
    return str(ggufs.adapter(path, parts, alpha=alpha, **given))


def result(wanted: Recipe, folder: Path) -> dict[str, np.ndarray]:
    merge(plan(wanted), folder / "out.gguf")
    return ggufs.read(folder / "out.gguf")


@pytest.mark.parametrize(("alpha", "factor"), [(ALPHA, ALPHA / RANK), (0.0, 1.0)])
def test_a_model_with_an_adapter_is_its_weights_and_the_scaled_product(
    alpha: float, factor: float, tmp_path: Path
) -> None:
    base = model(tmp_path / "base.gguf", 0)
    parts = halves(1, QUERY, UP, EMBEDDING)
    lora = adapter(tmp_path / "lora.gguf", parts, alpha=alpha)
    merged = result(recipe("passthrough", [f"{base}+{lora}"]), tmp_path)
    for name, own in weights(0).items():
        expected = own + added(parts, name, factor) if f"{name}.lora_a" in parts else own
        np.testing.assert_allclose(merged[name], expected, rtol=1e-5, atol=1e-5)


def test_adapters_of_one_base_are_merged_by_what_they_add(tmp_path: Path) -> None:
    base = model(tmp_path / "base.gguf", 0)
    first, second = halves(1, QUERY), halves(2, QUERY, UP)
    adapters = [
        adapter(tmp_path / "first.gguf", first),
        adapter(tmp_path / "second.gguf", second),
    ]
    wanted = recipe("task_arithmetic", adapters, base=base, weight=0.5)
    merged = result(wanted, tmp_path)
    scale = 0.5 * ALPHA / RANK
    both = added(first, QUERY, scale) + added(second, QUERY, scale)
    np.testing.assert_allclose(merged[QUERY], weights(0)[QUERY] + both, rtol=1e-5, atol=1e-5)
    alone = weights(0)[UP] + added(second, UP, scale)
    np.testing.assert_allclose(merged[UP], alone, rtol=1e-5, atol=1e-5)


def test_a_model_can_have_several_adapters(tmp_path: Path) -> None:
    base = model(tmp_path / "base.gguf", 0)
    parts = [halves(seed, QUERY) for seed in (1, 2)]
    names = [adapter(tmp_path / f"{n}.gguf", each) for n, each in enumerate(parts)]
    merged = result(recipe("passthrough", ["+".join([base, *names])]), tmp_path)
    both = sum(added(each, QUERY, ALPHA / RANK) for each in parts)
    np.testing.assert_allclose(merged[QUERY], weights(0)[QUERY] + both, rtol=1e-5, atol=1e-5)


def test_a_tensor_of_many_spans_gets_every_row(tmp_path: Path) -> None:
    rows = 5001
    tensors = weights(0, rows=rows)
    tokens = [f"t{n}" for n in range(rows)]
    base = model(tmp_path / "base.gguf", 0, tensors=tensors, tokens=tokens)
    draw = np.random.default_rng(1)
    up, down = draw.standard_normal((rows, RANK)), draw.standard_normal((RANK, WIDTH))
    parts = {f"{EMBEDDING}.lora_a": up, f"{EMBEDDING}.lora_b": down.T}
    lora = adapter(tmp_path / "lora.gguf", parts)
    merged = result(recipe("passthrough", [f"{base}+{lora}"]), tmp_path)
    expected = tensors[EMBEDDING] + ALPHA / RANK * (up @ down)
    np.testing.assert_allclose(merged[EMBEDDING], expected, rtol=1e-4, atol=1e-4)


def test_the_result_names_the_adapter_and_its_licence(tmp_path: Path) -> None:
    keys = {"general.license": "apache-2.0", "general.type": "model"}
    base = model(tmp_path / "base.gguf", 0, keys=keys)
    lora = adapter(tmp_path / "lora.gguf", halves(1, UP), keys={"general.license": "mit"})
    checked = plan(recipe("passthrough", [f"{base}+{lora}"]))
    done = merge(checked, tmp_path / "out.gguf")
    fields = gguf.GGUFReader(tmp_path / "out.gguf").fields
    assert fields["general.type"].contents() == "model"
    assert fields["general.license"].contents() == "apache-2.0 AND mit"
    assert fields["general.base_model.0.name"].contents() == "base.gguf+lora.gguf"
    assert str(tmp_path).encode() not in (tmp_path / "out.gguf").read_bytes()
    report = MergeReport.of(checked, done, model="x", quantization="F32", gate=None)
    assert report.parents[0].weights == "base.gguf+lora.gguf"


def test_a_report_takes_away_what_killed_merges_left_of_theirs(tmp_path: Path) -> None:
    checked = plan(recipe("linear", [str(model(tmp_path / f"{n}.gguf", n)) for n in range(2)]))
    done = merge(checked, tmp_path / "out.gguf")
    report = MergeReport.of(checked, done, model="x", quantization="F32", gate=None)
    (tmp_path / ".other.json.a1b2c3d4.tmp").touch()
    keep(report, tmp_path / "out.json")
    assert not list(tmp_path.glob("*.tmp"))


def test_an_adapter_is_not_written_over_by_its_own_merge(tmp_path: Path) -> None:
    base = model(tmp_path / "base.gguf", 0)
    lora = adapter(tmp_path / "lora.gguf", halves(1, UP))
    with pytest.raises(InvalidInput, match="is one of the models to merge"):
        merge(plan(recipe("passthrough", [f"{base}+{lora}"])), Path(lora))


HALF = {f"{UP}.lora_a": np.zeros((RANK, WIDTH))}
WIDE = {f"{UP}.lora_a": np.zeros((RANK, WIDTH)), f"{UP}.lora_b": np.zeros((3 * WIDTH, RANK))}
RANKS = {f"{UP}.lora_a": np.zeros((RANK, WIDTH)), f"{UP}.lora_b": np.zeros((2 * WIDTH, 2))}
TURNED = {
    f"{EMBEDDING}.lora_a": np.zeros((RANK, WIDTH)),
    f"{EMBEDDING}.lora_b": np.zeros((ROWS, RANK)),
}
NOWHERE = {
    "blk.9.ffn_up.weight.lora_a": np.zeros((1, 1)),
    "blk.9.ffn_up.weight.lora_b": np.zeros((1, 1)),
}


@pytest.mark.parametrize(
    ("parts", "given", "complaint"),
    [
        (HALF, {}, "is not half of a pair lora_a and lora_b"),
        ({**halves(1, UP), "blk.0.attn_norm.weight": np.ones(2)}, {}, "blk.0.attn_norm.weight of"),
        (WIDE, {}, "does not fit"),
        (RANKS, {}, "does not fit"),
        (TURNED, {}, "does not fit"),
        (NOWHERE, {}, "blk.9.ffn_up.weight.lora_a of the adapter"),
        (halves(1, UP), {"architecture": "qwen2"}, "is for qwen2 models"),
        (halves(1, UP), {"keys": {"adapter.type": "ia3"}}, "is not a LoRA adapter"),
        (halves(1, UP), {"alpha": float("nan")}, "adapter.lora.alpha of"),
        (
            halves(1, UP),
            {"keys": {"adapter.alora.invocation_tokens": [1, 2]}},
            "is not a LoRA adapter",
        ),
    ],
)
def test_an_adapter_that_does_not_fit_is_named_before_any_weight_is_read(
    parts: Mapping[str, np.ndarray], given: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    base = model(tmp_path / "base.gguf", 0)
    lora = adapter(tmp_path / "lora.gguf", parts, **given)
    with pytest.raises(MergeRefused) as caught:
        plan(recipe("passthrough", [f"{base}+{lora}"]))
    assert complaint in caught.value.message
    assert lora in caught.value.message


def test_an_adapter_needs_a_model(tmp_path: Path) -> None:
    lora = adapter(tmp_path / "lora.gguf", halves(1, UP))
    base = model(tmp_path / "base.gguf", 0)
    with pytest.raises(MergeRefused, match="the model that it was made for is not named"):
        plan(recipe("linear", [lora, base]))
    with pytest.raises(MergeRefused, match="is an adapter, not a model"):
        plan(recipe("task_arithmetic", [base], base=lora))
    with pytest.raises(MergeRefused, match="is not a GGUF adapter"):
        plan(recipe("passthrough", [f"{base}+{base}"]))


def test_a_plus_in_a_file_name_stays_part_of_it(tmp_path: Path) -> None:
    name = model(tmp_path / "a+b.gguf", 0)
    assert plan(recipe("passthrough", [name])).parents[0].title == "a+b.gguf"
