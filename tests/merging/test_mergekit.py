"""Held against mergekit 0.1.5, whose results on the same weights are in `benchmarks/mergekit/`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.mergekit import parity
from small_models import Held

from metier.errors import InvalidRecipe
from metier.merging.deltas import by_rank
from metier.merging.encoding import usual_name
from metier.merging.method import Inputs, TensorSettings
from metier.merging.parameters import DENSITY, EPSILON, LAMBDA, NORMALIZE, WEIGHT
from metier.merging.recipe import Recipe, read_recipe
from metier.merging.weights import Span

SEEDS = 100
PARTS = ("mean", "deviation", "unchanged", "mass")


@pytest.mark.parametrize("recipe", parity.EXACT)
def test_a_merge_is_what_mergekit_makes_of_the_same_recipe(recipe: str) -> None:
    assert parity.largest_error(recipe) < 1e-5


@pytest.mark.parametrize("recipe", parity.EXACT)
def test_the_results_of_mergekit_are_far_from_every_model(recipe: str) -> None:
    for architecture in parity.ARCHITECTURES:
        result = parity.tensors(architecture, recipe)["blk.1.ffn_up.weight"]
        for model in ("base", "a", "b"):
            parent = parity.tensors(architecture, model)["blk.1.ffn_up.weight"]
            assert np.abs(result - parent).max() > 0.01


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose name is the same in every run: what is drawn depends on the models' names."""
    monkeypatch.chdir(tmp_path)
    return Path()


def dropped(name: str, folder: Path, **settings: str) -> np.ndarray:
    """One tensor of many merges that drop at random, less the base."""
    parity.models("llama", folder)
    recipe = parity.recipe(name, folder)
    wanted = (recipe.model_copy(update={"seed": seed, **settings}) for seed in range(SEEDS))
    runs = np.stack([parity.merged(each, folder)[parity.WATCHED] for each in wanted])
    return runs - parity.tensors("llama", "base")[parity.WATCHED]


@pytest.mark.parametrize("recipe", parity.RANDOM)
def test_dropping_at_random_keeps_as_much_and_expects_the_same_as_mergekit(
    recipe: str, folder: Path
) -> None:
    theirs = {part: np.load(parity.FIXTURE)[f"{recipe}/{part}"] for part in PARTS}
    base = parity.tensors("llama", "base")[parity.WATCHED]
    ours = dropped(recipe, folder)
    # What 100 and 400 draws show differs by the errors of both; 128 numbers are compared.
    error = np.sqrt(1 / SEEDS + 1 / 400)
    kept, share = np.mean(np.abs(ours) > 1e-7), 1 - float(theirs["unchanged"])
    assert abs(kept - share) < 4.5 * np.sqrt(share * (1 - share) / base.size) * error
    masses = np.abs(ours).sum(axis=(1, 2))
    assert abs(masses.mean() - theirs["mass"]) < 4.5 * masses.std() * error + 1e-5 * theirs["mass"]
    means = np.abs(ours.mean(axis=0) + base - theirs["mean"])
    assert (means < 4.5 * theirs["deviation"] * error).all()


def test_della_keeps_each_difference_with_mergekits_own_probability() -> None:
    base, model = (parity.tensors("llama", name)[parity.WATCHED].ravel() for name in ("base", "a"))
    inputs = Inputs(
        name=parity.WATCHED,
        count=base.size,
        width=8,
        names=["a"],
        models=[Held(model)],
        base=Held(base),
        settings=TensorSettings({DENSITY.name: (0.4,), EPSILON.name: (0.2,)}),
    )
    ours = by_rank(inputs, 0, Span(0, base.size))
    np.testing.assert_allclose(ours, np.load(parity.FIXTURE)["chances"].ravel(), rtol=1e-6)


@pytest.mark.parametrize(
    ("rescale", "share", "varies"), [("l1", 1, False), ("density", 1, True), ("none", 0.4, True)]
)
def test_the_ways_to_scale_up_differ_as_they_say(
    rescale: str, share: float, varies: bool, folder: Path
) -> None:
    learnt = parity.tensors("llama", "a")[parity.WATCHED]
    learnt = learnt - parity.tensors("llama", "base")[parity.WATCHED]
    masses = np.abs(dropped("dare_linear", folder, rescale=rescale)).sum(axis=(1, 2))
    whole = np.abs(learnt).sum()
    assert masses.mean() == pytest.approx(share * whole, rel=0.05)
    assert bool(masses.std() > 0.01 * whole) is varies


def read(text: str, folder: Path) -> Recipe:
    file = folder / "recipe.yaml"
    file.write_text(text, encoding="utf-8")
    return read_recipe(file)


TIES = """
models:
  - model: base
  - model: a
    parameters: {weight: 0.5, density: 0.4}
merge_method: ties
base_model: base
parameters: {normalize: false, lambda: 2, int8_mask: true}
dtype: bfloat16
"""


def test_a_recipe_of_mergekit_is_read_and_says_which_keys_are_passed_over(tmp_path: Path) -> None:
    recipe = read(TIES, tmp_path)
    assert (recipe.method, recipe.base, recipe.parents) == ("ties", "base", ("a", "base"))
    settings = recipe.at("x", 0)
    assert (settings[WEIGHT], settings[DENSITY]) == ((0.5,), (0.4,))
    assert (settings[LAMBDA], settings[NORMALIZE]) == (2, False)
    file = tmp_path / "recipe.yaml"
    assert recipe.origin.notices == (
        f"{file}: dtype has no effect here",
        f"{file}: int8_mask has no effect here",
    )


def test_a_base_that_the_method_does_not_look_at_is_passed_over(tmp_path: Path) -> None:
    text = "{merge_method: linear, base_model: a, models: [{model: a}, {model: b}]}"
    recipe = read(text, tmp_path)
    assert (recipe.base, recipe.parents) == (None, ("a", "b"))
    assert recipe.origin.notices == (f"{tmp_path / 'recipe.yaml'}: base_model has no effect here",)


def test_of_slerp_the_base_is_the_first_model_wherever_it_stands(tmp_path: Path) -> None:
    text = (
        "{merge_method: slerp, base_model: b, models: [{model: a}, {model: b}], parameters: {t: 0}}"
    )
    assert [each.model for each in read(text, tmp_path).models] == ["b", "a"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "recipe.yaml: "),
        ("[]", "recipe.yaml is not a mergekit recipe"),
        ("models: [{model: a}]", "recipe.yaml: merge_method: Field required"),
        ("{merge_method: karcher, models: [{model: a}]}", "the method 'karcher' is not supported"),
        ("{merge_method: linear}", "either models or slices"),
        ("{merge_method: slerp, models: [{model: a}, {model: b}]}", "base_model must be one of"),
        (
            "{merge_method: linear, models: [{model: a, parameters: {epsilon: 1}}]}",
            "recipe.yaml: a: epsilon has no effect on linear",
        ),
        (
            "{merge_method: linear, models: [{model: a, parameters: {int8_mask: true}}]}",
            "recipe.yaml: a: int8_mask has no effect on linear",
        ),
        (
            "{merge_method: linear, models: [{model: a}], parameters: {gamma: 1}}",
            "recipe.yaml: gamma has no effect on linear",
        ),
        (
            "{merge_method: ties, base_model: b, models: [{model: a}], parameters: {rescale: 1}}",
            "recipe.yaml: rescale has no effect on ties",
        ),
        (
            "{merge_method: linear, models: [{model: a}], parameters: {method: slerp}}",
            "recipe.yaml: method has no effect on linear",
        ),
        (
            "{merge_method: linear, models: [{model: a}], tokenizer_source: union}",
            "recipe.yaml: tokenizer_source has no effect here: the result takes the vocabulary",
        ),
        (
            "{merge_method: linear, models: [{model: a}], chat_template: chatml}",
            "recipe.yaml: chat_template has no effect here: the result takes the template",
        ),
        (
            "{merge_method: linear, models: [{model: a}], tokenizer: {source: base}}",
            "recipe.yaml: tokenizer has no effect here",
        ),
        ("{merge_method: linear, modules: {}}", "modules: Extra inputs are not permitted"),
        (
            "{merge_method: linear, slices: [{sources: [{model: a, layer_range: [4, 8]}]}]}",
            "the slice must hold whole models",
        ),
        (
            "{merge_method: linear, slices: [{sources: [{model: a}]}, {sources: [{model: a}]}]}",
            "layers of several slices cannot be stacked",
        ),
        (
            "{merge_method: linear, models: [{model: a}, {model: b}], parameters: {weight: x}}",
            "weight: Input",
        ),
    ],
)
def test_what_is_not_offered_of_mergekits_recipes_is_named(
    text: str, complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        read(text, tmp_path)
    assert complaint in caught.value.message


FILTERED = """
merge_method: slerp
base_model: base
models: [{model: base}, {model: a}]
parameters: {t: [{filter: %s, value: 1}, {value: 0}]}
"""


@pytest.mark.parametrize(
    ("filter_", "taken"),
    [("mlp", "blk.1.ffn_up.weight"), ("layers.1.self_attn.q_proj", "blk.1.attn_q.weight")],
)
def test_filters_in_mergekits_yaml_use_the_names_of_transformers(
    filter_: str, taken: str, tmp_path: Path
) -> None:
    parity.models("llama", tmp_path)
    recipe = read(FILTERED % filter_, tmp_path)
    named = recipe.renamed({name: str(tmp_path / name) for name in recipe.parents})
    result = parity.merged(named, tmp_path)
    base, a = parity.tensors("llama", "base"), parity.tensors("llama", "a")
    np.testing.assert_array_equal(result[taken], a[taken])
    np.testing.assert_array_equal(result["output.weight"], base["output.weight"])


@pytest.mark.parametrize(
    ("architecture", "tensor", "expected"),
    [
        ("llama", "blk.1.ffn_norm.weight", "model.layers.1.post_attention_layernorm.weight"),
        ("llama", "output.weight", "lm_head.weight"),
        ("qwen2", "blk.1.attn_q.bias", "model.layers.1.self_attn.q_proj.bias"),
        ("qwen3", "blk.1.attn_q_norm.weight", "model.layers.1.self_attn.q_norm.weight"),
        ("gemma2", "blk.1.ffn_up.weight", "model.layers.1.mlp.up_proj.weight"),
        ("gemma2", "blk.1.ffn_norm.weight", "model.layers.1.pre_feedforward_layernorm.weight"),
        ("phi3", "blk.1.attn_qkv.weight", "model.layers.1.self_attn.qkv_proj.weight"),
        ("olmo2", "blk.1.ffn_up.weight", "model.layers.1.mlp.up_proj.weight"),
    ],
)
def test_tensors_have_the_names_that_transformers_gives_them(
    architecture: str, tensor: str, expected: str
) -> None:
    assert usual_name(tensor, architecture, layers=2) == expected


def test_a_filter_in_mergekits_yaml_that_fits_no_name_of_transformers_is_refused(
    tmp_path: Path,
) -> None:
    parity.models("llama", tmp_path)
    recipe = read(FILTERED % "ffn_up", tmp_path)
    named = recipe.renamed({name: str(tmp_path / name) for name in recipe.parents})
    with pytest.raises(InvalidRecipe, match=r"recipe\.yaml: t: the filter 'ffn_up' matches no"):
        parity.merged(named, tmp_path)


def test_a_recipe_for_other_models_is_refused(tmp_path: Path) -> None:
    parity.models("llama", tmp_path)
    recipe = parity.recipe("slerp", tmp_path).model_copy(update={"layers": 32})
    with pytest.raises(InvalidRecipe, match="for models with 32 layers, but these have 3"):
        parity.merged(recipe, tmp_path)
