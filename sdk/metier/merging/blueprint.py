"""The result before any weight is read: its header, its tensors with their types, its size."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from metier.merging.encoding import StoredType, block, file_type, size_bytes, type_code
from metier.merging.fitting import Fit
from metier.merging.gguf_file import ALIGNMENT, EMBEDDING, MAGIC, OUTPUT, VERSION, GgufFile
from metier.merging.licences import combined
from metier.merging.parents import Parent
from metier.merging.recipe import Recipe

# The general keys that remain true; name, authors and links are the parents'.
_KEPT = ("general.architecture", "general.type", "general.size_label", "general.languages")
_VERSION_OF_TYPES = "general.quantization_version"
_STRING, _UINT32 = 8, 4
_ALL_F32 = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A tensor to write.

    Attributes:
        offset: of its data, from the start of the file.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    count: int
    offset: int

    @property
    def size_bytes(self) -> int:
        """The size of its data."""
        return size_bytes(self.count, self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """A file to write.

    Attributes:
        head: everything before the first tensor.
    """

    head: bytes
    tensors: tuple[Planned, ...]
    size_bytes: int

    @property
    def count(self) -> int:
        """The number of weights in all tensors."""
        return sum(each.count for each in self.tensors)


def drawn(
    recipe: Recipe, parents: Sequence[Parent], fit: Fit, *, name: str, kind: StoredType
) -> Blueprint:
    """Lay out the file that a merge will write.

    Args:
        kind: the type of all tensors with long enough rows; the others get F32 or F16.
    """
    sizes = [(each, *_shape_and_kind(each, parents[0], fit, kind)) for each in fit.tensors]
    entries = list(_entries(recipe, parents, fit, name=name, kind=kind))
    infos, offset = [], 0
    placed: list[tuple[str, tuple[int, ...], str, int, int]] = []
    for tensor, shape, stored in sizes:
        count = math.prod(shape)
        infos.append(_info(tensor, shape, stored, offset))
        placed.append((tensor, shape, stored, count, offset))
        offset = _aligned(offset + size_bytes(count, stored))
    head = b"".join([_start(len(infos), len(entries)), *entries, *infos])
    start = _aligned(len(head))
    tensors = tuple(
        Planned(name=tensor, shape=shape, kind=stored, count=count, offset=start + at)
        for tensor, shape, stored, count, at in placed
    )
    padded = head + bytes(start - len(head))
    return Blueprint(head=padded, tensors=tensors, size_bytes=start + offset)


def _shape_and_kind(
    name: str, first: Parent, fit: Fit, kind: StoredType
) -> tuple[tuple[int, ...], str]:
    tensor = fit.tensors[name]
    shape = tensor.shape
    if name in (EMBEDDING, OUTPUT):
        shape = (shape[0], fit.vocabulary.rows)
    # Keep vectors exact, and whatever a quantized file keeps exact.
    exact = tensor.kind == "F32" and first.file.scalar("general.file_type") != _ALL_F32
    if len(shape) < 2 or exact:
        return shape, "F32"
    return shape, kind if shape[0] % block(kind)[0] == 0 else "F16"


def _entries(
    recipe: Recipe, parents: Sequence[Parent], fit: Fit, *, name: str, kind: StoredType
) -> Iterator[bytes]:
    first = parents[0].file
    yield from (first.entry(key) for key in _KEPT if key in first.keys)
    yield _entry("general.name", name)
    if licence := combined([parent.licence for parent in parents]):
        yield _entry("general.license", licence)
    yield _entry("general.base_model.count", len(parents))
    for n, parent in enumerate(parents):
        yield _entry(f"general.base_model.{n}.name", parent.title)
    yield _entry("general.file_type", file_type(kind))
    types = first.scalar(_VERSION_OF_TYPES)
    yield _entry(_VERSION_OF_TYPES, types if type(types) is int and 0 < types < 1 << 32 else 2)
    yield _entry("metier.merge.version", version("metier"))
    shown = recipe.renamed({parent.name: parent.title for parent in parents})
    yield _entry("metier.merge.recipe", shown.model_dump_json(by_alias=True, exclude_none=True))
    yield from _of_models(parents, fit)


def _of_models(parents: Sequence[Parent], fit: Fit) -> Iterator[bytes]:
    """The architecture's keys, preferably the first model's, and the vocabulary owner's keys."""
    done: set[str] = set()
    for parent in parents:
        yield from _below(parent.file, f"{fit.architecture}.", done)
    yield from _below(fit.vocabulary.owner.file, "tokenizer.", done)


def _below(file: GgufFile, prefix: str, done: set[str]) -> Iterator[bytes]:
    for key in file.keys:
        if key.startswith(prefix) and key not in done:
            done.add(key)
            yield file.entry(key)


def _entry(key: str, value: str | int) -> bytes:
    if isinstance(value, int):
        return _text(key) + struct.pack("<II", _UINT32, value)
    return _text(key) + struct.pack("<I", _STRING) + _text(value)


def _info(name: str, shape: Sequence[int], kind: str, offset: int) -> bytes:
    lengths = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return _text(name) + lengths + struct.pack("<IQ", type_code(kind), offset)


def _start(tensors: int, entries: int) -> bytes:
    return MAGIC + struct.pack("<IQQ", VERSION, tensors, entries)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
