"""Small GGUF files of given numbers, written by the `gguf` package and not by metier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

Tensors = Mapping[str, npt.NDArray[np.float32]]

NORMAL, CONTROL, UNUSED = 1, 3, 5


def written(
    path: Path,
    tensors: Tensors,
    *,
    architecture: str = "llama",
    layers: int = 1,
    kinds: Mapping[str, str] | None = None,
    tokens: Sequence[str] = (),
    types: Sequence[int] = (),
    keys: Mapping[str, Any] | None = None,
) -> Path:
    """A file with these tensors (rows last, as in numpy), and the keys that a model must have.

    Args:
        kinds: the number types of tensors that are not F32.
        keys: further ones, over those that are made here; None leaves a key out.
    """
    writer = gguf.GGUFWriter(path, architecture)
    every = _keys(architecture, layers, tensors, tokens, types) | dict(keys or {})
    for key, value in every.items():
        if value is not None and value != []:
            kind = gguf.GGUFValueType.get_type(value)
            unsigned = gguf.GGUFValueType.UINT32
            writer.add_key_value(key, value, unsigned if type(value) is int else kind)
    for name, values in tensors.items():
        kind = gguf.GGMLQuantizationType[(kinds or {}).get(name, "F32")]
        data = gguf.quants.quantize(np.ascontiguousarray(values, np.float32), kind)
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def adapter(
    path: Path,
    tensors: Tensors,
    *,
    alpha: float,
    architecture: str = "llama",
    keys: Mapping[str, Any] | None = None,
) -> Path:
    """A LoRA adapter: `NAME.lora_a` and `NAME.lora_b` for each tensor that it changes."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    every = {"adapter.type": "lora", "adapter.lora.alpha": float(alpha), **(keys or {})}
    for key, value in every.items():
        writer.add_key_value(key, value, gguf.GGUFValueType.get_type(value))
    for name, values in tensors.items():
        writer.add_tensor(name, np.ascontiguousarray(values, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _keys(
    architecture: str, layers: int, tensors: Tensors, tokens: Sequence[str], types: Sequence[int]
) -> dict[str, Any]:
    rows, width = tensors["token_embd.weight"].shape
    return {
        f"{architecture}.block_count": layers,
        f"{architecture}.embedding_length": width,
        f"{architecture}.context_length": 128,
        f"{architecture}.rope.freq_base": 10000.0,
        "general.file_type": 0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": list(tokens) or [f"t{n}" for n in range(rows)],
        "tokenizer.ggml.token_type": list(types),
    }


def read(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """The tensors of a file, read by the `gguf` package."""
    reader = gguf.GGUFReader(path)
    return {
        tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        for tensor in reader.tensors
    }
