"""Recipes in TOML, and what a setting says of one tensor."""

from __future__ import annotations

from pathlib import Path

import pytest

from metier.errors import InvalidRecipe
from metier.merging.gradients import depth
from metier.merging.parameters import DENSITY, LAMBDA, NORMALIZE, WEIGHT
from metier.merging.recipe import Recipe, read_recipe

TIES = """
method = "ties"
base = "base"
lambda = 0.9
density = [{filter = "ffn", value = 0.2}, {value = [0.4, 0.8]}]

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
    assert (recipe.method, recipe.parents) == ("ties", ("a", "b", "base"))
    attention = recipe.at("blk.2.attn_q.weight", 0.5)
    assert attention[WEIGHT] == (0.5, 0.5)
    assert attention[DENSITY] == (pytest.approx(0.6), 1)
    assert (attention[LAMBDA], attention[NORMALIZE]) == (0.9, True)
    assert recipe.at("blk.2.ffn_up.weight", 0.5)[DENSITY] == (0.2, 1)


def test_a_recipe_survives_json(tmp_path: Path) -> None:
    recipe = read(TIES, tmp_path)
    assert Recipe.model_validate_json(recipe.model_dump_json()).model_dump() == recipe.model_dump()


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
    assert recipe.at("x", 0)[WEIGHT] == (0.5, 0.5)


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
    assert recipe.at("blk.0.attn_q.weight", 0)[WEIGHT] == (0.75, 0.25)
    assert recipe.at("output.weight", 0)[WEIGHT] == (0.25, 0.25)


TWO = '[[models]]\nmodel = "a"\n[[models]]\nmodel = "b"\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("method =", "recipe.toml: Invalid value"),
        ('method = "dars"\n' + TWO, "recipe.toml: method: unknown method 'dars'; known: "),
        ('method = "linear"\n', "recipe.toml: models: Field required"),
        (
            'method = "linear"\nlamda = 1\n' + TWO,
            "recipe.toml: lamda has no effect on linear, which takes ",
        ),
        (
            'method = "ties"\nbase = "c"\nrescale = "l1"\n' + TWO,
            "toml: rescale has no effect on ties",
        ),
        ('method = "slerp"\nseed = 1\n' + TWO, "recipe.toml: seed has no effect on slerp"),
        ('method = "task_arithmetic"\nbase = "c"\ndensity = 1\n' + TWO, "density has no effect on"),
        ('method = "slerp"\n' + TWO + "t = 0.5\n", "recipe.toml: b: t can only be set for all"),
        ('method = "ties"\nbase = "b"\n' + TWO + "weight = 1\n", "b: weight has no effect on the"),
        ('method = "linear"\nnormalize = 1\n' + TWO, "recipe.toml: normalize: Input should be a"),
        ('method = "dare_ties"\nbase = "c"\nrescale = "l3"\n' + TWO, "rescale must be one of l1, "),
        ('method = "slerp"\nt = 1.5\n' + TWO, "recipe.toml: t must be between 0 and 1, not 1.5"),
        ('method = "slerp"\nt = [0, -1]\n' + TWO, "t must be between 0 and 1, not -1"),
        ('method = "slerp"\nt = []\n' + TWO, "recipe.toml: t: "),
        ('method = "slerp"\nt = "much"\n' + TWO, "recipe.toml: t: "),
        (
            'method = "slerp"\nbase = "c"\n' + TWO,
            "slerp merges 2 models without a base; the recipe has 2 and a base",
        ),
        (
            'method = "slerp"\n' + TWO + '[[models]]\nmodel = "c"\n',
            "slerp merges 2 models without a base; the recipe has 3",
        ),
        (
            'method = "linear"\n[[models]]\nmodel = "a"\n',
            "linear merges 2 or more models without a base; the recipe has 1",
        ),
        (
            'method = "ties"\n' + TWO,
            "ties merges 1 or more models and their base; the recipe has 2 and no base",
        ),
        ('method = "ties"\nbase = "a"\n[[models]]\nmodel = "a"\n', "the recipe has 0 and a base"),
        ('method = "dare_ties"\nbase = "c"\nseed = -1\n' + TWO, "recipe.toml: seed: "),
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
    with pytest.raises(InvalidRecipe, match=r"output\.weight: the weights sum to 0"):
        recipe.at("output.weight", 0)


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecipe, match=r"gone\.toml cannot be read: No such file"):
        read_recipe(tmp_path / "gone.toml")
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidRecipe, match="it is not UTF-8 text"):
        read_recipe(tmp_path / "x.toml")
