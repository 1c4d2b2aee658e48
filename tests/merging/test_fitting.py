"""Which models fit each other, and what is said of those that do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import ggufs
from small_models import ROWS, WIDTH, model, plan, recipe, weights

from metier.errors import MergeRefused
from metier.merging.merging import merge

NARROW = {
    name: each[..., : WIDTH // 2] if "ffn_up" in name else each for name, each in weights(1).items()
}
ANOTHER = {**weights(1), "blk.0.attn_k_norm.weight": np.ones(4, np.float32)}
TOKENS = [f"t{n}" for n in range(ROWS)]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"architecture": "qwen2"}, "is a qwen2 model, but the first is llama"),
        ({"keys": {"llama.block_count": 3}}, "llama.block_count is 2 in "),
        ({"keys": {"llama.rope.freq_base": 1e6}}, "llama.rope.freq_base is 10000.0 in "),
        ({"keys": {"llama.rope.scaling.type": "yarn"}}, None),
        ({"keys": {"tokenizer.ggml.pre": "other"}}, "tokenizer.ggml.pre is 'default' in "),
        ({"keys": {"llama.expert_count": 8}}, "is a mixture of experts"),
        ({"keys": {"split.count": 3}}, "is one part of a model that is split into several files"),
        ({"tensors": NARROW}, "blk.0.ffn_up.weight is 32 × 64 in "),
        ({"tensors": ANOTHER}, "blk.0.attn_k_norm.weight is in "),
        ({"tokens": ["x", *TOKENS[1:]]}, "token 0 is 't0' in "),
        ({"rows": ROWS + 1, "tokens": [*TOKENS[:-1], "x", "y"]}, "token 11 is 't11' in "),
    ],
)
def test_what_does_not_fit_is_named_before_any_weight_is_read(
    given: dict[str, Any], complaint: str | None, tmp_path: Path
) -> None:
    first = model(tmp_path / "first.gguf", 0, keys={"tokenizer.ggml.pre": "default"})
    given["keys"] = {"tokenizer.ggml.pre": "default", **given.get("keys", {})}
    second = model(tmp_path / "second.gguf", 1, **given)
    if complaint is None:
        plan(recipe("linear", [first, second]))
        return
    with pytest.raises(MergeRefused) as caught:
        plan(recipe("linear", [first, second]))
    assert complaint in caught.value.message
    assert caught.value.hint


def test_a_file_without_a_rope_base_has_llama_cpps(tmp_path: Path) -> None:
    first = model(tmp_path / "first.gguf", 0, keys={"llama.rope.freq_base": None})
    second = model(tmp_path / "second.gguf", 1)
    assert plan(recipe("linear", [first, second])).fit.architecture == "llama"
    far = model(tmp_path / "far.gguf", 1, keys={"llama.rope.freq_base": 5e5})
    with pytest.raises(MergeRefused, match=r"rope\.freq_base is 10000\.0 in"):
        plan(recipe("linear", [first, far]))


def test_another_context_length_is_said_and_no_reason_to_refuse(tmp_path: Path) -> None:
    first = model(tmp_path / "first.gguf", 0)
    second = model(tmp_path / "second.gguf", 1, keys={"llama.context_length": 64})
    (notice,) = plan(recipe("linear", [first, second])).fit.notices
    assert "differ in llama.context_length" in notice


def test_a_type_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    first = model(tmp_path / "first.gguf", 0)
    data = Path(first).read_bytes()
    name = b"blk.0.attn_q.weight"
    # After the name: dimensions, two lengths, and then the type; 24 is I8.
    at = data.index(name) + len(name) + 4 + 16
    second = tmp_path / "second.gguf"
    second.write_bytes(data[:at] + (24).to_bytes(4, "little") + data[at + 4 :])
    with pytest.raises(MergeRefused, match="has the type I8, which cannot be read"):
        plan(recipe("linear", [first, str(second)]))


def merged(models: list[str], out: Path) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    checked = plan(recipe("linear", models))
    merge(checked, out)
    return ggufs.read(out), checked.fit.notices


def test_tokens_at_the_end_come_from_the_model_that_has_them(tmp_path: Path) -> None:
    short = model(tmp_path / "short.gguf", 0, tokens=TOKENS)
    long = model(tmp_path / "long.gguf", 1, rows=ROWS + 3, tokens=[*TOKENS, "x", "y", "z"])
    result, notices = merged([short, long], tmp_path / "out.gguf")
    rows = result["token_embd.weight"]
    one, two = weights(0)["token_embd.weight"], weights(1, rows=ROWS + 3)["token_embd.weight"]
    np.testing.assert_allclose(rows[:ROWS], (one + two[:ROWS]) / 2, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(rows[ROWS:], two[ROWS:], rtol=1e-5)
    assert notices == (
        f"{short!r} lacks 3 tokens of the vocabulary; their rows are taken from {long!r}",
    )


def test_a_token_in_an_unused_place_comes_from_the_model_that_uses_it(tmp_path: Path) -> None:
    types = [ggufs.NORMAL] * (ROWS - 1)
    plain = model(
        tmp_path / "plain.gguf", 0, tokens=[*TOKENS[:-1], "[PAD]"], types=[*types, ggufs.UNUSED]
    )
    tuned = model(
        tmp_path / "tuned.gguf", 1, tokens=[*TOKENS[:-1], "<think>"], types=[*types, ggufs.CONTROL]
    )
    result, _ = merged([plain, tuned], tmp_path / "out.gguf")
    expected = weights(1)["token_embd.weight"][-1]
    np.testing.assert_allclose(result["token_embd.weight"][-1], expected, rtol=1e-5)


def test_models_that_both_have_tokens_of_their_own_are_refused(tmp_path: Path) -> None:
    one = model(
        tmp_path / "one.gguf",
        0,
        tokens=[*TOKENS[:-1], "[PAD]"],
        types=[*[ggufs.NORMAL] * (ROWS - 1), ggufs.UNUSED],
    )
    two = model(
        tmp_path / "two.gguf",
        1,
        tokens=["[PAD]", *TOKENS[1:]],
        types=[ggufs.UNUSED, *[ggufs.NORMAL] * (ROWS - 1)],
    )
    with pytest.raises(MergeRefused, match="no model has the tokens of all others"):
        plan(recipe("linear", [one, two]))


def test_where_one_model_has_an_output_apart_the_others_embedding_stands_for_theirs(
    tmp_path: Path,
) -> None:
    tied, apart = model(tmp_path / "tied.gguf", 0), model(tmp_path / "apart.gguf", 1, output=True)
    for order in ([tied, apart], [apart, tied]):
        result, notices = merged(order, tmp_path / "out.gguf")
        expected = weights(0)["token_embd.weight"] + weights(1, output=True)["output.weight"]
        np.testing.assert_allclose(result["output.weight"], expected / 2, rtol=1e-5, atol=1e-6)
        assert "output.weight is separate" in notices[0]


Q8 = dict.fromkeys(("blk.0.attn_q.weight", "blk.0.ffn_up.weight"), "Q8_0")


def test_models_that_are_quantized_differently_are_merged_with_a_notice(tmp_path: Path) -> None:
    exact = model(tmp_path / "exact.gguf", 0)
    half = model(tmp_path / "half.gguf", 1, kinds=dict.fromkeys(weights(0), "F16"))
    coarse = model(tmp_path / "coarse.gguf", 1, kinds=Q8)
    assert plan(recipe("linear", [exact, half])).notices == ()
    same = model(tmp_path / "same.gguf", 2, kinds=Q8)
    assert plan(recipe("linear", [coarse, same])).notices == ()
    (notice,) = plan(recipe("linear", [exact, coarse])).notices
    assert "quantized differently in 2 of 8 tensors" in notice
    assert f"{coarse!r} mostly F32" in notice
