"""The vocabulary of the result, and the rows that each model lacks of it.

A token is a row of the embedding. Models of one family agree on nearly all rows; a fine-tuned one
may have added tokens at the end, or in rows that its base leaves unused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metier.errors import MergeRefused
from metier.merging.gguf_file import EMBEDDING, GgufFile
from metier.merging.parents import Parent

_TOKENS, _TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
_UNUSED = 5

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The vocabulary of the result.

    Attributes:
        owner: the model whose vocabulary it is.
        missing: by model name, the rows that the model lacks, in ascending order.
        notices: how these rows are filled.
    """

    owner: Parent
    missing: Mapping[str, Rows]
    notices: tuple[str, ...]

    @property
    def rows(self) -> int:
        """The number of tokens."""
        return self.owner.file.tensors[EMBEDDING].shape[1]


def shared_vocabulary(parents: Sequence[Parent]) -> Vocabulary:
    """Return the vocabulary that contains every token of all models.

    Raises:
        MergeRefused: no model's vocabulary does.
    """
    first = parents[0]
    if len({(_rows(parent), parent.file.digest(_TOKENS)) for parent in parents}) == 1:
        missing = {parent.name: np.zeros(0, np.int64) for parent in parents}
        return Vocabulary(owner=first, missing=missing, notices=())
    read = {parent.name: _Tokens.of(parent) for parent in parents}
    # The first model's if it contains all; else the largest that does.
    for owner in [first, *sorted(parents, key=_rows, reverse=True)]:
        lacking = {name: read[owner.name].lacked_by(tokens) for name, tokens in read.items()}
        if all(rows is not None for rows in lacking.values()):
            missing = {name: rows for name, rows in lacking.items() if rows is not None}
            return Vocabulary(owner=owner, missing=missing, notices=_notices(owner, missing))
    raise _refusal(parents, read)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tokens:
    """The texts of all rows, and which of them are used."""

    texts: npt.NDArray[np.object_]
    used: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, parent: Parent) -> _Tokens:
        rows = _rows(parent)
        texts = np.full(rows, None, dtype=object)
        listed = parent.file.texts(_TOKENS)[:rows]
        texts[: len(listed)] = listed
        used = np.arange(rows) < len(listed)
        used[: len(listed)] &= _used(parent.file, len(listed))
        return cls(texts=texts, used=used)

    def lacked_by(self, other: _Tokens) -> Rows | None:
        """The rows that another vocabulary lacks; None if it uses a token that this one lacks."""
        shared = min(len(self.texts), len(other.texts))
        differ = self.texts[:shared] != other.texts[:shared]
        if other.used[len(self.texts) :].any() or (differ & other.used[:shared]).any():
            return None
        return np.concatenate([np.flatnonzero(differ), np.arange(shared, len(self.texts))])


def _used(file: GgufFile, count: int) -> npt.NDArray[np.bool_]:
    types = np.array(file.numbers(_TYPES)[:count])
    return types != _UNUSED if len(types) == count else np.ones(count, np.bool_)


def _rows(parent: Parent) -> int:
    return parent.file.tensors[EMBEDDING].shape[1]


def _notices(owner: Parent, missing: Mapping[str, Rows]) -> tuple[str, ...]:
    return tuple(
        f"{name!r} lacks {len(rows)} tokens of the vocabulary; their rows are taken from "
        f"{owner.name!r}"
        for name, rows in missing.items()
        if len(rows)
    )


def _refusal(parents: Sequence[Parent], read: Mapping[str, _Tokens]) -> MergeRefused:
    first = parents[0]
    for other in parents[1:]:
        one, two = read[first.name], read[other.name]
        shared = min(len(one.texts), len(two.texts))
        clash = (one.texts[:shared] != two.texts[:shared]) & one.used[:shared] & two.used[:shared]
        if clash.any():
            row = int(np.flatnonzero(clash)[0])
            return MergeRefused(
                f"token {row} is {one.texts[row]!r} in {first.name!r} and {two.texts[row]!r} in "
                f"{other.name!r} ({int(clash.sum())} differ)",
                hint="Merge models with one vocabulary, or whose added tokens use different rows",
            )
    return MergeRefused(
        "no model has the tokens of all others",
        hint="Merge models of which one has all the tokens",
    )
