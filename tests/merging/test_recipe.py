"""Recipes in TOML, and what a setting says of one tensor."""

from __future__ import annotations

from pathlib import Path

import pytest

from metier.errors import InvalidRecipe
from metier.merging.gradients import depth
from metier.merging.recipe import Recipe, read_recipe

TIES = """
method = "ties"
base = "base"
lambda = 0.9
density = [{filter = "mlp", value = 0.2}, {value = [0.4, 0.8]}]

[[models]]
model = "a"
weight = [0.0, 1.0]

[[models]]
model = "b"
density = 1
"""


def read(text: str, folder: Path) -> Recipe:
    file = folder / "recipe.toml"
    file.write_text(text, encoding="utf-8")
    return read_recipe(file)


def test_a_recipe_says_for_each_tensor_what_holds(tmp_path: Path) -> None:
    recipe = read(TIES, tmp_path)
    assert (recipe.method, recipe.parents, recipe.normalizes) == ("ties", ("a", "b", "base"), True)
    attention = recipe.at(["blk.2.attn_q.weight", "model.layers.2.self_attn.q_proj.weight"], 0.5)
    assert (attention.weights, attention.densities, attention.scale) == (
        (0.5, 0.5),
        (pytest.approx(0.6), 1),
        0.9,
    )
    network = recipe.at(["blk.2.ffn_up.weight", "model.layers.2.mlp.up_proj.weight"], 0.5)
    assert network.densities == (0.2, 1)


@pytest.mark.parametrize(
    ("tensor", "layers", "expected"),
    [
        ("blk.0.attn_q.weight", 5, 0.0),
        ("blk.3.attn_q.weight", 5, 0.75),
        ("blk.4.ffn_up.weight", 5, 1.0),
        ("blk.0.attn_q.weight", 1, 1.0),
        ("output.weight", 5, 0.0),
    ],
)
def test_a_layer_is_as_deep_as_in_mergekit(tensor: str, layers: int, expected: float) -> None:
    assert depth(tensor, layers) == expected


def test_weights_that_are_not_given_are_even_shares() -> None:
    recipe = Recipe.model_validate(
        {"method": "task_arithmetic", "base": "c", "models": [{"model": "a"}, {"model": "b"}]}
    )
    assert recipe.at(["x"], 0).weights == (0.5, 0.5)


def test_where_no_filter_fits_the_next_setting_holds(tmp_path: Path) -> None:
    text = """
    method = "linear"
    weight = 0.25
    [[models]]
    model = "a"
    weight = [{filter = "attn", value = 0.75}]
    [[models]]
    model = "b"
    """
    recipe = read(text, tmp_path)
    assert recipe.at(["blk.0.attn_q.weight"], 0).weights == (0.75, 0.25)
    assert recipe.at(["output.weight"], 0).weights == (0.25, 0.25)


TWO = '[[models]]\nmodel = "a"\n[[models]]\nmodel = "b"\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("method =", "recipe.toml: Invalid value"),
        ('method = "dars"\n' + TWO, "recipe.toml: method: Input should be 'linear', "),
        ('method = "linear"\n', "recipe.toml: models: Field required"),
        ('method = "linear"\nlamda = 1\n' + TWO, "recipe.toml: lamda: Extra inputs"),
        ('method = "slerp"\nt = 1.5\n' + TWO, "t is between 0 and 1, and not 1.5"),
        ('method = "slerp"\nt = [0, -1]\n' + TWO, "t is between 0 and 1, and not -1"),
        ('method = "slerp"\nt = []\n' + TWO, "recipe.toml: t: "),
        ('method = "slerp"\nt = "much"\n' + TWO, "recipe.toml: t: "),
        ('method = "slerp"\nbase = "c"\n' + TWO, "slerp merges exactly two models, and takes no"),
        ('method = "slerp"\n' + TWO + '[[models]]\nmodel = "c"\n', "slerp merges exactly two"),
        ('method = "linear"\n[[models]]\nmodel = "a"\n', "linear merges two models or more"),
        ('method = "ties"\n' + TWO, "ties needs the base that the models were made from"),
        ('method = "ties"\nbase = "a"\n[[models]]\nmodel = "a"\n', "no model beside the base"),
        ('method = "linear"\nseed = -1\n' + TWO, "recipe.toml: seed: "),
        ('method = "linear"\nweight = inf\n' + TWO, "recipe.toml: weight: "),
    ],
)
def test_a_recipe_that_cannot_be_followed_says_why(
    text: str, complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        read(text, tmp_path)
    assert complaint in caught.value.message


def test_weights_that_sum_to_nothing_are_refused() -> None:
    models = [{"model": "a", "weight": 1}, {"model": "b", "weight": -1}]
    recipe = Recipe.model_validate({"method": "linear", "models": models})
    with pytest.raises(InvalidRecipe, match=r"for output\.weight sum to 0"):
        recipe.at(["output.weight"], 0)


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecipe, match=r"gone\.toml cannot be read: No such file"):
        read_recipe(tmp_path / "gone.toml")
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidRecipe, match="it is not UTF-8 text"):
        read_recipe(tmp_path / "x.toml")
