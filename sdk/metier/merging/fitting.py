"""Check from their headers that models are compatible, before any weight is read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from metier.errors import MergeRefused
from metier.merging.encoding import readable
from metier.merging.gguf_file import EMBEDDING, OUTPUT, GgufFile, Tensor
from metier.merging.gradients import layer_of
from metier.merging.parents import Parent
from metier.merging.vocabulary import Vocabulary, shared_vocabulary

_SAME_FAMILY = "Merge models made from one base: the weights of others do not correspond"
# They say how a model is used, not what its weights mean.
_MAY_DIFFER = (".context_length", ".vocab_size", ".rope.scaling.original_context_length")
# Their rounding errors are far smaller than what a model learns.
_FLOATS = ("F32", "F16", "BF16")
_MOST_LAYERS = 1000
# What llama.cpp assumes if a file lacks the key.
_DEFAULTS = {".rope.freq_base": 10000.0, ".attention.causal": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What the models have in common, and how their differences are resolved.

    Attributes:
        tensors: the first model's, and a separate output if only other models have one.
        notices: what the user should know.
    """

    architecture: str
    layers: int
    tensors: Mapping[str, Tensor]
    vocabulary: Vocabulary
    notices: tuple[str, ...]

    def stored(self, parent: Parent, name: str) -> Tensor:
        """Return a tensor of a model; its output may be its embedding."""
        tensors = parent.file.tensors
        return tensors[EMBEDDING] if name == OUTPUT and name not in tensors else tensors[name]


def fitted(parents: Sequence[Parent]) -> Fit:
    """Compare all models with the first.

    Raises:
        MergeRefused: they are incompatible; the message names the key or tensor.
    """
    first, *others = parents
    architecture = str(first.file.scalar("general.architecture") or "")
    for parent in parents:
        _check_alone(parent, architecture)
    for other in others:
        _check_keys(first, other, architecture)
    tensors = _tensors(parents)
    for other in others:
        _check_tensors(first, other, tensors)
    vocabulary = shared_vocabulary(parents)
    return Fit(
        architecture=architecture,
        layers=int(first.file.scalar(f"{architecture}.block_count") or 0),
        tensors=tensors,
        vocabulary=vocabulary,
        notices=(*vocabulary.notices, *_notices(parents, architecture)),
    )


def _check_alone(parent: Parent, architecture: str) -> None:
    file, name = parent.file, parent.name
    own = str(file.scalar("general.architecture") or "")
    if not own:
        raise MergeRefused(f"{name!r} does not name its architecture")
    if own != architecture:
        raise MergeRefused(
            f"{name!r} is a {own} model, but the first is {architecture}", hint=_SAME_FAMILY
        )
    if file.scalar(f"{own}.expert_count"):
        raise MergeRefused(
            f"{name!r} is a mixture of experts, whose experts do not correspond by number",
            hint="Merge dense models",
        )
    if file.scalar("split.count") not in (None, 0, 1):
        raise MergeRefused(
            f"{name!r} is one part of a model that is split into several files",
            hint="Join them first: llama-gguf-split --merge FIRST OUT",
        )
    for tensor in file.tensors.values():
        if not readable(tensor.kind):
            raise MergeRefused(
                f"{tensor.name} of {name!r} has the type {tensor.kind}, which cannot be read",
                hint="Get the model in another quantization",
            )
    if EMBEDDING not in file.tensors:
        raise MergeRefused(f"{name!r} has no {EMBEDDING}, so it is not a language model")
    _check_shapes(parent, architecture)


def _check_shapes(parent: Parent, architecture: str) -> None:
    """Check the number of layers, and that the tables with a row for each token are tables."""
    tensors, layers = parent.file.tensors, parent.file.scalar(f"{architecture}.block_count")
    if type(layers) is not int or not 0 < layers <= _MOST_LAYERS:
        raise MergeRefused(f"{parent.name!r} has {layers!r} layers, which is impossible")
    for tensor in tensors.values():
        if (layer := layer_of(tensor.name)) is not None and layer >= layers:
            raise MergeRefused(
                f"{tensor.name} of {parent.name!r} belongs to none of its {layers} layers"
            )
        if tensor.name in (EMBEDDING, OUTPUT) and len(tensor.shape) != 2:
            raise MergeRefused(f"{tensor.name} of {parent.name!r} is not a table")


def _check_keys(first: Parent, other: Parent, architecture: str) -> None:
    names = [key for key in first.file.keys if key.startswith(f"{architecture}.")]
    names += [key for key in other.file.keys if key.startswith(f"{architecture}.")]
    for key in dict.fromkeys([*names, "tokenizer.ggml.model", "tokenizer.ggml.pre"]):
        if key.endswith(_MAY_DIFFER):
            continue
        one, two = _value(first.file, key), _value(other.file, key)
        if one is not None and two is not None and not _same(one, two):
            raise MergeRefused(
                f"{key} is {_shown(one)} in {first.name!r} and {_shown(two)} in {other.name!r}",
                hint=_SAME_FAMILY,
            )


def _value(file: GgufFile, key: str) -> object:
    """A value to compare; for a list, its digest."""
    if key not in file.keys:
        return next((value for end, value in _DEFAULTS.items() if key.endswith(end)), None)
    scalar = file.scalar(key)
    return file.digest(key) if scalar is None else scalar


def _same(one: object, two: object) -> bool:
    """Compare two values, floats only to the precision of float32."""
    if isinstance(one, float) or isinstance(two, float):
        return isinstance(one, int | float) and isinstance(two, int | float) and _close(one, two)
    return one == two


def _close(one: float, two: float) -> bool:
    return math.isclose(one, two, rel_tol=1e-6)


def _shown(value: object) -> str:
    return repr(value) if len(repr(value)) < 60 else "a list"


def _tensors(parents: Sequence[Parent]) -> dict[str, Tensor]:
    """The tensors of the result: the first model's, and an output if any model has one."""
    tensors = dict(parents[0].file.tensors)
    for parent in parents:
        if OUTPUT in parent.file.tensors:
            tensors.setdefault(OUTPUT, parent.file.tensors[OUTPUT])
    return tensors


def _check_tensors(first: Parent, other: Parent, tensors: Mapping[str, Tensor]) -> None:
    for one, two in ((first, other), (other, first)):
        missing = one.file.tensors.keys() - two.file.tensors.keys() - {OUTPUT}
        if missing:
            raise MergeRefused(
                f"{sorted(missing)[0]} is in {one.name!r} but not in {two.name!r}",
                hint=_SAME_FAMILY,
            )
    for name, tensor in tensors.items():
        if (found := other.file.tensors.get(name)) is None:
            continue
        same = slice(0, 1) if name in (EMBEDDING, OUTPUT) else slice(None)
        if found.shape[same] != tensor.shape[same]:
            raise MergeRefused(
                f"{name} is {_size(tensor)} in {first.name!r} and {_size(found)} in {other.name!r}",
                hint=_SAME_FAMILY,
            )


def _size(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape))


def _notices(parents: Sequence[Parent], architecture: str) -> Iterator[str]:
    first = parents[0]
    if count := sum(_quantized_differently(name, parents) for name in first.file.tensors):
        types = ", ".join(f"{parent.name!r} mostly {parent.mostly}" for parent in parents)
        yield (
            f"the models are quantized differently in {count} of {len(first.file.tensors)} tensors "
            f"({types}): their rounding errors are merged as if they had been learnt"
        )
    key = f"{architecture}.context_length"
    if len({parent.file.scalar(key) for parent in parents}) > 1:
        yield f"the models differ in {key}; the result takes that of {first.name!r}"
    for parent in parents:
        if (OUTPUT in parent.file.tensors) != (OUTPUT in first.file.tensors):
            yield f"{OUTPUT} is separate from the embedding in only some models, and in the result"
            return


def _quantized_differently(name: str, parents: Sequence[Parent]) -> bool:
    kinds = (parent.file.tensors[name].kind for parent in parents if name in parent.file.tensors)
    return len({"a float" if kind in _FLOATS else kind for kind in kinds}) > 1
