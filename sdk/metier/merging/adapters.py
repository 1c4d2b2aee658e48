"""LoRA adapters in GGUF, and what they add to the weights of their model.

Hu et al. 2022, "LoRA", section 4.1: W + alpha / rank · B · A. The files are those of llama.cpp's
`convert_lora_to_gguf.py`: for a tensor NAME they hold `NAME.lora_a` and `NAME.lora_b`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from metier.errors import MergeRefused
from metier.merging.encoding import Floats, readable
from metier.merging.gguf_file import EMBEDDING, GgufFile, Tensor
from metier.merging.weights import Span, Weights

_A, _B = ".lora_a", ".lora_b"


def is_adapter(file: GgufFile) -> bool:
    """Whether a file holds an adapter instead of a model."""
    return file.scalar("general.type") == "adapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A LoRA adapter.

    Attributes:
        name: what the user calls it.
        alpha: the factor of B · A is alpha / rank, or 1 if alpha is 0.
    """

    name: str
    file: GgufFile
    alpha: float

    @classmethod
    def of(cls, name: str, file: GgufFile) -> Adapter:
        """Read the adapter in a file.

        Raises:
            MergeRefused: it is not a LoRA adapter, or is incomplete.
        """
        kind, alpha = file.scalar("adapter.type"), file.scalar("adapter.lora.alpha")
        if kind != "lora" or "adapter.alora.invocation_tokens" in file.keys:
            raise MergeRefused(f"{name!r} is not a LoRA adapter: its type must be 'lora'")
        if not isinstance(alpha, int | float) or not math.isfinite(alpha):
            raise MergeRefused(f"adapter.lora.alpha of {name!r} must be a number, not {alpha!r}")
        for tensor in file.tensors.values():
            stem, ending = tensor.name[: -len(_A)], tensor.name[-len(_A) :]
            if ending not in (_A, _B) or not {stem + _A, stem + _B} <= file.tensors.keys():
                raise MergeRefused(
                    f"{tensor.name} of {name!r} is not half of a pair {_A[1:]} and {_B[1:]}",
                    hint="Only adapters made of such pairs can be merged",
                )
            if not readable(tensor.kind):
                raise MergeRefused(
                    f"{tensor.name} of {name!r} has the type {tensor.kind}, which cannot be read"
                )
        return cls(name=name, file=file, alpha=float(alpha))

    def check(self, model: GgufFile, name: str) -> None:
        """Check that it fits a model.

        Raises:
            MergeRefused: its architecture or the shape of a tensor differs.
        """
        own, other = (each.scalar("general.architecture") for each in (self.file, model))
        if own != other:
            raise MergeRefused(
                f"the adapter {self.name!r} is for {own} models, but {name!r} is {other}"
            )
        for key in self.file.tensors:
            tensor = model.tensors.get(key[: -len(_A)])
            if tensor is None or self._shape(tensor.name) != tensor.shape:
                raise MergeRefused(
                    f"{key} of the adapter {self.name!r} does not fit {name!r}",
                    hint="Give the model that the adapter was trained on",
                )

    def changes(self, tensor: str) -> bool:
        """Whether it changes a tensor of the model."""
        return tensor + _A in self.file.tensors

    def applied(self, tensor: str, own: Weights, read: Callable[[Tensor], Floats]) -> Weights:
        """Return the tensor with the adapter added.

        Args:
            read: reads all numbers of one of the adapter's tensors.
        """
        a, b = (self.file.tensors[tensor + end] for end in (_A, _B))
        factor = np.float32(self.alpha / b.shape[0] if self.alpha else 1)
        up, down = (read(each).reshape(each.shape[::-1]) for each in (b, a))
        if tensor == EMBEDDING:
            up, down = down, up.T
        return _Adapted(own=own, up=up * factor, down=np.ascontiguousarray(down))

    def _shape(self, tensor: str) -> tuple[int, ...] | None:
        """The shape of what it adds to a tensor; None if its halves do not match."""
        a, b = (self.file.tensors[tensor + end].shape for end in (_A, _B))
        if len(a) != 2 or len(b) != 2 or 0 in a + b:
            return None
        # llama.cpp looks up rows of the embedding, so its A is stored the other way round.
        if tensor == EMBEDDING:
            return (b[1], a[1]) if a[0] == b[0] else None
        return (a[0], b[1]) if a[1] == b[0] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Adapted:
    """A tensor and what an adapter adds to it.

    Attributes:
        up, down: B with its factor, shape (rows, rank), and A, shape (rank, width).
    """

    own: Weights
    up: Floats
    down: Floats

    def read(self, span: Span) -> Floats:
        """Read a span of the sum."""
        width = self.down.shape[1]
        first = span.start // width
        rows = self.up[first : -(-span.stop // width)]
        # Not with BLAS, whose threads would compete with ours.
        added = np.einsum("rk,kw->rw", rows, self.down).reshape(-1)
        return self.own.read(span) + added[span.start - first * width :][: span.length]
