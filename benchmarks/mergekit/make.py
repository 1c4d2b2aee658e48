"""Makes `mergekit.npz`: what mergekit 0.1.5 makes of small random models.

    uv venv /tmp/mergekit && uv pip install --python /tmp/mergekit/bin/python mergekit==0.1.5
    /tmp/mergekit/bin/python benchmarks/mergekit/make.py

Keys: `ARCHITECTURE/MODEL` for the models `base`, `a` and `b`, `ARCHITECTURE/RECIPE` for results:
all tensors in float32, one behind the other in the order of their names. `ARCHITECTURE/names` and
`ARCHITECTURE/shapes` tell them apart, as transformers has them; a vector's second length is 0.
Of recipes that drop at random, `RECIPE/…` is what one tensor comes to over many seeds; `chances`
are the probabilities with which DELLA keeps its differences. The recipes are the YAML files beside
this one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import yaml
from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.options import MergeOptions
from mergekit.sparsify import della_magprune
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

HERE = Path(__file__).parent
SIZES = {
    "vocab_size": 16,
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
MADE = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZES)),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SIZES)),
}
RANDOM = ("dare_linear", "dare_ties", "della", "della_linear")
EXACT = sorted(each for each in HERE.glob("*.yaml") if each.stem not in RANDOM)
WATCHED = "model.layers.1.mlp.up_proj.weight"
SEEDS = 400


def models(architecture: str, folder: Path) -> None:
    """A base, and two that have moved away from it by about half of its size."""
    made = MADE[architecture]
    torch.manual_seed(len(architecture))
    base = made()
    with torch.no_grad():
        for weight in base.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    base.save_pretrained(folder / "base")
    for name in ("a", "b"):
        moved = made()
        moved.load_state_dict(base.state_dict())
        with torch.no_grad():
            for weight in moved.parameters():
                weight.add_(0.05 * torch.randn_like(weight))
        moved.save_pretrained(folder / name)


def merged(recipe: Path, folder: Path, *, seed: int = 0) -> dict[str, np.ndarray]:
    """mergekit's result for a recipe, whose models are in the folder."""
    fields = yaml.safe_load(recipe.read_text().replace("model: ", f"model: {folder}/"))
    config = MergeConfiguration.model_validate(fields)
    options = MergeOptions(random_seed=seed, copy_tokenizer=False, quiet=True)
    with tempfile.TemporaryDirectory() as out:
        run_merge(config, out, options)
        return load_file(f"{out}/model.safetensors")


def dropped(recipe: str, folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Mean and deviation of one tensor over many seeds, and how much of the models stays."""
    file = HERE / f"{recipe}.yaml"
    runs = np.stack([merged(file, folder, seed=seed)[WATCHED] for seed in range(SEEDS)])
    base = load_file(f"{folder}/base/model.safetensors")[WATCHED]
    yield f"{recipe}/mean", runs.mean(axis=0)
    yield f"{recipe}/deviation", runs.std(axis=0)
    yield f"{recipe}/unchanged", np.array(np.mean(np.abs(runs - base) < 1e-7))
    yield f"{recipe}/mass", np.array(np.abs(runs - base).sum(axis=(1, 2)).mean())


def chances(folder: Path) -> np.ndarray:
    """The probabilities that mergekit's DELLA draws with, for one tensor of the model `a`."""
    base, a = (load_torch(f"{folder}/{name}/model.safetensors")[WATCHED] for name in ("base", "a"))
    with mock.patch("torch.bernoulli", side_effect=torch.ones_like) as drawn:
        della_magprune(a - base, density=0.4, epsilon=0.2)
    (probabilities,) = drawn.call_args.args
    return probabilities.numpy()


def flat(tensors: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([tensors[name].ravel() for name in sorted(tensors)])


def layout(tensors: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    names = sorted(tensors)
    return np.array(names), np.array([(*tensors[name].shape, 0)[:2] for name in names])


def main() -> None:
    found: dict[str, np.ndarray] = {}
    for architecture in MADE:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            models(architecture, folder)
            base = load_file(f"{folder}/base/model.safetensors")
            found[f"{architecture}/names"], found[f"{architecture}/shapes"] = layout(base)
            for name in ("base", "a", "b"):
                tensors = load_file(f"{folder}/{name}/model.safetensors")
                found[f"{architecture}/{name}"] = flat(tensors)
            for recipe in EXACT:
                found[f"{architecture}/{recipe.stem}"] = flat(merged(recipe, folder))
            if architecture == "llama":
                found["chances"] = chances(folder)
                for name in RANDOM:
                    found |= dict(dropped(name, folder))
    np.savez_compressed(HERE / "mergekit.npz", allow_pickle=False, **found)


if __name__ == "__main__":
    main()
