"""GGUF's number types, through the `gguf` package (extra `merge`)."""

from __future__ import annotations

import re
from functools import cache
from types import ModuleType
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from metier.errors import MergeFailed, MergeUnavailable

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

# The types that `gguf` can write and runners can compute with.
StoredType = Literal["F32", "F16", "BF16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0"]
STORED: tuple[StoredType, ...] = get_args(StoredType)

_USUAL = re.compile(
    r"model\.layers\.\d+\.(self_attn\.(([qkvo]|qkv)_proj|[qk]_norm)|mlp\.(gate|up|down)_proj)"
)


@cache
def package() -> ModuleType:
    """Import the `gguf` package.

    Raises:
        MergeUnavailable: it is not installed.
    """
    try:
        import gguf
    except ImportError as exc:
        raise MergeUnavailable(
            f"merging needs the package gguf, which cannot be imported ({exc})",
            hint="Install it: pip install 'metier[merge]'",
        ) from exc
    return gguf


def type_name(code: int) -> str | None:
    """Return the name of the number type with this code in a file; None if it is unknown."""
    try:
        return str(package().GGMLQuantizationType(code).name)
    except ValueError:
        return None


def type_code(kind: str) -> int:
    """Return the code of a number type in a file."""
    return int(package().GGMLQuantizationType[kind])


def file_type(kind: StoredType) -> int:
    """Return the `general.file_type` of a file that is mostly of this type."""
    types = package().LlamaFileType
    return int(types.ALL_F32 if kind == "F32" else types[f"MOSTLY_{kind}"])


def block(kind: str) -> tuple[int, int]:
    """Return how many numbers a block of this type has, and its size in bytes."""
    gguf = package()
    numbers, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    return numbers, size


def size_bytes(count: int, kind: str) -> int:
    """Return the size of `count` numbers, a multiple of the type's block."""
    numbers, size = block(kind)
    return count // numbers * size


@cache
def readable(kind: str) -> bool:
    """Whether the type can be decoded; tries it on a block of zeros."""
    try:
        decoded(bytes(block(kind)[1]), kind)
    except NotImplementedError:
        return False
    return True


def decoded(data: bytes, kind: str) -> Floats:
    """Decode bytes to numbers, shape (count,); do not modify them."""
    gguf = package()
    # One row: the package takes short ones 16 at a time, which is five times slower.
    row = np.frombuffer(data, np.uint8).reshape(1, -1)
    values: Floats = gguf.quants.dequantize(row, gguf.GGMLQuantizationType[kind])
    return values.reshape(-1)


def encoded(values: Floats, kind: str) -> Bytes:
    """Encode numbers, whose count is a multiple of the type's block.

    Raises:
        MergeFailed: a number is too large for the type.
    """
    gguf = package()
    try:
        with np.errstate(over="raise"):
            row = gguf.quants.quantize(values.reshape(1, -1), gguf.GGMLQuantizationType[kind])
    except FloatingPointError as exc:
        raise MergeFailed(
            f"{kind} cannot hold a number as large as {np.abs(values).max():.3g}",
            hint="Write a type with a larger range: --quantize BF16",
        ) from exc
    return np.ascontiguousarray(row).reshape(-1).view(np.uint8)


def usual_name(name: str, architecture: str, layers: int) -> str:
    """Return transformers' name of a tensor, as mergekit's recipes use it; else its GGUF name.

    >>> usual_name("blk.3.attn_q.weight", "llama", 4)
    'model.layers.3.self_attn.q_proj.weight'
    """
    stem, _, ending = name.rpartition(".")
    return f"{_usual_names(architecture, layers).get(stem, stem)}.{ending}"


@cache
def _usual_names(architecture: str, layers: int) -> dict[str, str]:
    gguf = package()
    known = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
    if architecture not in known:
        return {}
    names = {"output": "lm_head"}
    # The mapping has names from many libraries; those of transformers' models look like this.
    for usual, (_, name) in gguf.get_tensor_name_map(known[architecture], layers).mapping.items():
        if usual.startswith("model.") and (name not in names or _USUAL.fullmatch(usual)):
            names[name] = usual
    return names
