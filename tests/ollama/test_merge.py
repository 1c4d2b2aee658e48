"""Merging models of a real Ollama: the result is there, answers, and is what its parents were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anyio
import numpy as np
import ollama
import pytest
from benchmarks import ggufs
from benchmarks.merging_texts import TEXTS
from click.testing import CliRunner, Result
from world import SMALL

from metier.cli.main import cli
from metier.merging.acceptance import Exercise
from metier.merging.divergence import divergence, next_tokens
from metier.merging.making import Maker, Wanted
from metier.merging.recipe import Recipe, Source
from metier.merging.report import MergeReport, folder
from metier.merging.store import Installed, Store
from metier.models.ollama import OllamaServer
from metier.models.server import ChatRequest, ModelDetails, Sampling
from metier.plan import Message
from metier.settings import Settings

NAME = "metier-test-merged"


@pytest.fixture
def second(ollama_settings: Settings, tmp_path: Path) -> str:
    """The small model under a second name: its weights as a file."""
    link = tmp_path / "second.gguf"
    link.symlink_to(anyio.run(partial(_described, ollama_settings, SMALL)).weights)
    return str(link)


@pytest.fixture(autouse=True)
def cleaned(ollama_settings: Settings) -> Iterator[None]:
    """No test leaves its model behind."""
    yield
    anyio.run(partial(_deleted, ollama_settings))


async def _described(settings: Settings, model: str) -> Installed:
    async with Store(settings) as store:
        return await store.describe(model)


async def _deleted(settings: Settings) -> None:
    async with Store(settings) as store:
        if await store.has(f"{NAME}:latest"):
            await store.delete(NAME)


def installed(settings: Settings) -> set[str]:
    async def names() -> set[str]:
        server = OllamaServer.from_settings(settings)
        try:
            return {model.name for model in await server.list()}
        finally:
            await server.aclose()

    return anyio.run(names)


def kept_file(settings: Settings) -> Path:
    return folder(settings) / f"{NAME}.json"


def merged(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["merge", *arguments], prog_name="metier")


async def asked(settings: Settings, text: str) -> tuple[str, ModelDetails]:
    server = OllamaServer.from_settings(settings)
    message = Message(role="user", content=text)
    request = ChatRequest(model=NAME, messages=(message,), sampling=Sampling(max_tokens=40))
    try:
        return "".join([c.text async for c in server.chat(request)]), await server.show(NAME)
    finally:
        await server.aclose()


def test_a_merged_model_answers_and_has_what_its_parent_had(
    second: str, ollama_settings: Settings
) -> None:
    done = merged(SMALL, second, "-o", NAME)
    assert (done.exit_code, done.stdout) == (0, f"{NAME}\n"), done.stderr
    text, details = anyio.run(partial(asked, ollama_settings, "What is the capital of France?"))
    assert "Paris" in text
    parent = anyio.run(partial(_described, ollama_settings, SMALL)).packaging
    child = anyio.run(partial(_described, ollama_settings, NAME)).packaging
    assert child == parent
    assert details.info["general.license"] == "apache-2.0"
    report = MergeReport.model_validate_json(kept_file(ollama_settings).read_bytes())
    assert (report.model, report.licence, report.quantization) == (NAME, "apache-2.0", "Q8_0")
    told = CliRunner().invoke(cli, ["doctor"], prog_name="metier").stdout
    assert f"merged model {NAME}: slerp of {SMALL}" in told


def test_ollama_makes_the_types_that_are_not_written_here(
    second: str, ollama_settings: Settings
) -> None:
    assert merged(SMALL, second, "-o", NAME, "--quantize", "q4_k_m").exit_code == 0

    async def quantization() -> list[str]:
        server = OllamaServer.from_settings(ollama_settings)
        try:
            return [m.quantization for m in await server.list() if m.name == f"{NAME}:latest"]
        finally:
            await server.aclose()

    assert anyio.run(quantization) == ["Q4_K_M"]


def gated(settings: Settings, second: str, *, child_right: bool) -> MergeReport:
    """A merge with a gate whose judge knows the child's answer from the parents' by its turn."""
    turns: list[str] = []

    async def is_right(text: str) -> bool:
        turns.append(text)
        return child_right or len(turns) <= 2  # two parents first, then the child

    recipe = Recipe(method="slerp", models=(Source(model=SMALL), Source(model=second)))
    exercise = Exercise(question="Name a colour.", is_right=is_right)

    async def make() -> MergeReport:
        async with Store(settings) as store:
            maker = Maker(settings, store)
            wanted = Wanted(recipe=recipe, name=NAME, exercises=[exercise])
            async with maker.planned(wanted) as plan:
                return await maker.make(wanted, plan)

    return anyio.run(make)


@pytest.mark.parametrize("child_right", [True, False])
def test_a_model_is_kept_only_if_it_passes_its_gate(
    child_right: bool, second: str, ollama_settings: Settings
) -> None:
    before = installed(ollama_settings)
    report = gated(ollama_settings, second, child_right=child_right)
    assert report.gate is not None
    assert report.gate.passed is child_right
    new = {f"{NAME}:latest"} if child_right else set()
    assert installed(ollama_settings) - before == new
    # The same weights in eight bits instead of four: next to nothing has moved.
    assert [each.parent for each in report.gate.divergences] == [SMALL, second]
    assert max(each.kl.value for each in report.gate.divergences) < 0.05
    ending = "json" if child_right else "refused.json"
    kept = json.loads((folder(ollama_settings) / f"{NAME}.{ending}").read_text())
    assert kept["gate"]["gain"]["value"] == (0 if child_right else -1)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """An adapter of the small model that changes what it says."""
    draw = np.random.default_rng(0)
    halves: dict[str, np.ndarray] = {}
    for layer in range(30):
        name = f"blk.{layer}.ffn_up.weight"
        halves[f"{name}.lora_a"] = draw.standard_normal((4, 576), np.float32) / 24
        halves[f"{name}.lora_b"] = 0.3 * draw.standard_normal((1536, 4), np.float32)
    return ggufs.adapter(tmp_path / "lora.gguf", halves, alpha=8)


@pytest.fixture
def adapted(ollama_settings: Settings, adapter: Path) -> Iterator[str]:
    """The small model with the adapter, put together by Ollama."""
    name = f"{NAME}-adapted"
    with ollama.Client(ollama_settings.host) as client:
        client.create(name, from_=SMALL, adapters={adapter.name: client.create_blob(adapter)})
        yield name
        client.delete(name)


def distance(settings: Settings, one: str, other: str) -> float:
    """How far the next tokens of two models are from each other."""

    async def measured() -> float:
        server = OllamaServer.from_settings(settings)
        try:
            first, second = [await next_tokens(server, each, TEXTS[:8]) for each in (one, other)]
        finally:
            await server.aclose()
        pairs = zip(first, second, strict=True)
        return float(np.mean([divergence(p, q) for p, q in pairs if p and q]))

    return anyio.run(measured)


def test_a_model_with_an_adapter_says_what_it_says_in_ollama(
    adapter: Path, adapted: str, ollama_settings: Settings
) -> None:
    done = merged(f"{SMALL}+{adapter}", "--method", "passthrough", "-o", NAME)
    assert done.exit_code == 0, done.stderr
    # Eight bits of the sum here, four bits and the adapter beside them there.
    assert distance(ollama_settings, adapted, NAME) < 0.02
    assert distance(ollama_settings, adapted, SMALL) > 0.2


def test_a_model_with_an_adapter_is_evaluated_as_a_parent(
    adapter: Path, ollama_settings: Settings
) -> None:
    before = installed(ollama_settings)
    parent = f"{SMALL}+{adapter}"
    report = passed(ollama_settings, Recipe(method="passthrough", models=(Source(model=parent),)))
    assert installed(ollama_settings) - before == {f"{NAME}:latest"}
    assert report.gate is not None
    # The same weights in eight bits, written once as a parent and once as the result.
    assert [each.parent for each in report.gate.divergences] == [parent]
    assert report.gate.divergences[0].kl.value < 1e-3


def passed(settings: Settings, recipe: Recipe) -> MergeReport:
    """A merge with a gate that everything passes."""

    async def is_right(text: str) -> bool:
        return True

    async def make() -> MergeReport:
        async with Store(settings) as store:
            maker = Maker(settings, store)
            # More than one: after a text that a model would end, the server tells no tokens.
            exercises = [Exercise(question=text, is_right=is_right) for text in TEXTS[:4]]
            wanted = Wanted(recipe=recipe, name=NAME, exercises=exercises)
            async with maker.planned(wanted) as plan:
                return await maker.make(wanted, plan)

    return anyio.run(make)


def test_a_folder_with_safetensors_is_converted_and_nothing_of_it_stays(
    ollama_settings: Settings, tmp_path: Path
) -> None:
    before = installed(ollama_settings)
    folders = [str(transformers_folder(tmp_path / name, seed)) for seed, name in enumerate("ab")]
    out = tmp_path / "out.gguf"
    done = merged(*folders, "--method", "linear", "-o", str(out), "--quantize", "F32")
    assert done.exit_code == 0, done.stderr
    result = ggufs.read(out)["blk.1.ffn_up.weight"]
    each = [tensors(seed)["model.layers.1.mlp.up_proj.weight"] for seed in range(2)]
    np.testing.assert_allclose(result, (each[0] + each[1]) / 2, atol=2e-3)
    assert installed(ollama_settings) == before


def tensors(seed: int) -> dict[str, np.ndarray]:
    """A Qwen2 of two layers, drawn at random, as transformers names its tensors."""
    draw = np.random.default_rng(seed)
    shapes = {"model.embed_tokens.weight": (257, 64), "lm_head.weight": (257, 64)}
    vectors = {"model.norm.weight": (64,)}
    for layer in range(2):
        at = f"model.layers.{layer}"
        shapes |= {
            f"{at}.self_attn.q_proj.weight": (64, 64),
            f"{at}.self_attn.k_proj.weight": (32, 64),
            f"{at}.self_attn.v_proj.weight": (32, 64),
            f"{at}.self_attn.o_proj.weight": (64, 64),
            f"{at}.mlp.gate_proj.weight": (128, 64),
            f"{at}.mlp.up_proj.weight": (128, 64),
            f"{at}.mlp.down_proj.weight": (64, 128),
        }
        vectors |= {
            f"{at}.self_attn.q_proj.bias": (64,),
            f"{at}.self_attn.k_proj.bias": (32,),
            f"{at}.self_attn.v_proj.bias": (32,),
            f"{at}.input_layernorm.weight": (64,),
            f"{at}.post_attention_layernorm.weight": (64,),
        }
    every = shapes | vectors
    return {name: 0.1 * draw.standard_normal(shape, np.float32) for name, shape in every.items()}


def transformers_folder(folder: Path, seed: int) -> Path:
    """A folder as `save_pretrained` writes it: weights, config, and a tokenizer of bytes."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    folder.mkdir()
    save_file(tensors(seed), folder / "model.safetensors")
    config = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "vocab_size": 257,
        "max_position_embeddings": 128,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "eos_token_id": 256,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config))
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: n for n, letter in enumerate(letters)} | {"<|endoftext|>": 256}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder
