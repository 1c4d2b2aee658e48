"""Files that mean harm, as weights and as recipes: an error of ours, in little time and memory."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import ggufs
from small_models import model, plan, recipe

from metier.errors import InvalidRecipe, MergeRefused, UnreadableWeights
from metier.merging.gguf_file import GgufFile
from metier.merging.recipe import read_recipe

MANY = 1 << 60
UINT32, STRING, ARRAY = 4, 8, 9


def text(value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(value) if length is None else length) + value


def head(*, tensors: int = 0, keys: int = 0, rest: bytes = b"") -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, keys) + rest


def array(kind: int, count: int) -> bytes:
    return text(b"key") + struct.pack("<IIQ", ARRAY, kind, count)


def tensor(name: bytes, *shape: int, offset: int = 0) -> bytes:
    lengths = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + lengths + struct.pack("<IQ", 0, offset)


ONE = tensor(b"a", 4)


PROMISES = {
    "keys": head(keys=MANY),
    "tensors": head(tensors=MANY),
    "texts": head(keys=1, rest=array(STRING, MANY)),
    "numbers": head(keys=1, rest=array(UINT32, MANY)),
    "bytes": head(keys=1, rest=array(0, 1 << 33)),
    "lists": head(keys=1, rest=array(ARRAY, MANY) + struct.pack("<IQ", ARRAY, MANY) * 1000),
    "endless name": head(keys=1, rest=text(b"", MANY)),
    "long name": head(keys=1, rest=text(b"", 1 << 33)),
    "long value": head(keys=1, rest=text(b"key") + struct.pack("<I", STRING) + text(b"", 1 << 33)),
    "long name of a tensor": head(tensors=1, rest=text(b"", 1 << 33)),
    "shape": head(tensors=1, rest=tensor(b"a", MANY, MANY, MANY, MANY)),
    "offset": head(tensors=1, rest=tensor(b"a", 4, offset=MANY)),
    "empty shape": head(tensors=1, rest=tensor(b"a", 0, MANY)),
    "a tensor twice": head(tensors=2, rest=ONE + ONE),
    "tensors in one place": head(tensors=2, rest=tensor(b"a", 1 << 31) + tensor(b"b", 1 << 31)),
    "a key twice": head(keys=2, rest=(text(b"key") + struct.pack("<IB", 0, 1)) * 2),
    "layer": head(tensors=1, rest=tensor(b"blk." + b"9" * 5000 + b".weight", 4)),
}


@pytest.mark.parametrize("data", PROMISES.values(), ids=PROMISES.keys())
def test_a_head_that_promises_too_much_is_refused(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(data)
    # All zeros after the head, which take no room on the disk.
    os.truncate(file, 9 << 30)
    with pytest.raises(UnreadableWeights, match=re.escape(str(file))):
        GgufFile.open(file)


def test_a_file_with_one_tensor_is_read(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(head(tensors=1, rest=ONE) + bytes(64))
    assert GgufFile.open(file).tensors["a"].shape == (4,)


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(UnreadableWeights, match="it is not a regular file"):
            GgufFile.open(path)


@pytest.mark.parametrize(
    "read",
    [
        lambda file: file.scalar("general.architecture"),
        lambda file: file.texts("tokenizer.ggml.tokens"),
        lambda file: file.numbers("tokenizer.ggml.token_type"),
        lambda file: file.entry("tokenizer.ggml.tokens"),
        lambda file: file.digest("tokenizer.ggml.tokens"),
    ],
)
@pytest.mark.parametrize("change", ["shorter", "other", "pipe", "gone"])
def test_a_file_that_changes_after_it_was_opened_is_an_error(
    read: Callable[[GgufFile], Any], change: str, tmp_path: Path
) -> None:
    path = ggufs.written(
        tmp_path / "model.gguf", {"token_embd.weight": np.ones((6, 32), np.float32)}, types=[1] * 6
    )
    file = GgufFile.open(path)
    assert read(file)
    size = path.stat().st_size
    if change == "other":
        path.write_bytes(b"\xff" * size)
    elif change == "shorter":
        os.truncate(path, 40)
    else:
        path.unlink()
    if change == "pipe":
        os.mkfifo(path)
    try:
        found = read(file)
    except UnreadableWeights:
        return
    assert change == "other", found


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"llama.block_count": 1 << 31}, "2147483648 layers"),
        ({"llama.block_count": "many"}, "'many' layers"),
        ({"llama.block_count": 1}, "blk.1.attn_norm.weight"),
        ({"llama.block_count": None}, "None layers"),
    ],
)
def test_a_number_of_layers_that_the_tensors_do_not_have_is_refused(
    keys: dict[str, Any], words: str, tmp_path: Path
) -> None:
    models = [model(tmp_path / f"{name}.gguf", 1, keys=keys) for name in "ab"]
    with pytest.raises(MergeRefused, match=re.escape(words)):
        plan(recipe("slerp", models, t=[0, 1]))


def test_an_embedding_that_is_no_table_is_refused(tmp_path: Path) -> None:
    table, row = (struct.pack("<IQQ", 2, 32, 12), struct.pack("<IQ", 1, 32))
    name = text(b"token_embd.weight")
    models = []
    for letter in "ab":
        file = Path(model(tmp_path / f"{letter}.gguf", 1))
        data = file.read_bytes()
        assert name + table in data
        file.write_bytes(data.replace(name + table, name + row) + bytes(64))
        models.append(str(file))
    with pytest.raises(MergeRefused, match=r"token_embd\.weight"):
        plan(recipe("slerp", models))


def test_a_version_that_no_file_has_room_for_is_not_copied(tmp_path: Path) -> None:
    keys = {"general.quantization_version": "two"}
    models = [model(tmp_path / f"{name}.gguf", 1, keys=keys) for name in "ab"]
    assert plan(recipe("linear", models)).blueprint.head.startswith(b"GGUF")


DEEP = "[" * 5000
LAUGHS = "\n".join(
    ["a0: &a0 [lol, lol]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))]
)
ITSELF = "models: &a [*a]"


@pytest.mark.parametrize(
    ("name", "recipe_text", "words"),
    [
        ("x.toml", f"\n\nweight = {DEEP}", "line 3: it is nested too deeply"),
        ("x.toml", f"\nseed = {'9' * 5000}", "line 2: a number of 5000 digits"),
        ("x.toml", f"\nseed = {'9' * 5000}_1", "line 2: a number of 5001 digits"),
        ("x.toml", "at = 2024-13-01", "line 1"),
        ("x.toml", "seed = 1\n" * 200_000, "more than 1048576 bytes"),
        ("x.yaml", f"\n\nmodels: {DEEP}", "line 3: it is nested too deeply"),
        ("x.yaml", "\n\n" + "- " * 5000, "line 3: it is nested too deeply"),
        ("x.yaml", f"\nlayers: {'9' * 5000}", "line 2"),
        ("x.yaml", "\nat: 2024-13-01", "line 2"),
        ("x.yaml", "\nat: 2024-01-01 99:99:99", "line 2"),
        ("x.yaml", "\na: !!timestamp never", "line 2"),
        ("x.yaml", '\na: !!int ""', "line 2"),
        ("x.yaml", "\na: !!bool perhaps", "line 2"),
        ("x.yaml", "\na: !!python/object/apply:os.getcwd []", "line 2"),
        ("x.yaml", LAUGHS, "line 15: more than 100000 values"),
        ("x.yaml", ITSELF, "line 1: an alias that contains itself"),
        ("x.yaml", "a: 1\n" * 300_000, "more than 1048576 bytes"),
    ],
)
def test_a_recipe_that_means_harm_is_refused_with_its_place(
    name: str, recipe_text: str, words: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_text(recipe_text)
    with pytest.raises(InvalidRecipe) as caught:
        read_recipe(file)
    assert str(file) in caught.value.message
    assert words in caught.value.message


def test_a_recipe_without_end_is_refused() -> None:
    with pytest.raises(InvalidRecipe, match="more than 1048576 bytes"):
        read_recipe(Path("/dev/zero"))


def test_an_alias_is_what_it_stands_for(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(
        "merge_method: linear\n"
        "models:\n"
        "  - {model: a, parameters: &same {weight: 0.3}}\n"
        "  - {model: b, parameters: *same}\n"
    )
    assert [source.model_dump()["weight"] for source in read_recipe(file).models] == [0.3, 0.3]
