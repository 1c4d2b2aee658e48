"""The models that are merged: found by what the user calls them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from metier.errors import InvalidInput
from metier.merging.gguf_file import GgufFile
from metier.merging.licences import Licence, licence_of
from metier.merging.store import Installed, Packaging, Report, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A model to merge.

    Attributes:
        name: what the user calls it.
        packaging: template, parameters and more; empty for a file that Ollama has not.
        installed: its name in Ollama; None where it is not there.
    """

    name: str
    file: GgufFile
    packaging: Packaging
    licence: Licence
    installed: str | None = None

    @property
    def mostly(self) -> str:
        """The number type that holds most of its weights."""
        counts: Counter[str] = Counter()
        for tensor in self.file.tensors.values():
            counts[tensor.kind] += tensor.count
        return counts.most_common(1)[0][0]

    @property
    def title(self) -> str:
        """What others may read of its name: of a path only its end."""
        return self.name if self.installed is not None else Path(self.name).name


@asynccontextmanager
async def found(
    names: Sequence[str], store: Store, *, report: Report = lambda _: None
) -> AsyncIterator[list[Parent]]:
    """The models with these names: GGUF files, folders with safetensors, or Ollama's.

    A folder is converted by Ollama, and what it was converted to goes at the end.

    Raises:
        InvalidInput: there is nothing at a path.
        UnreadableWeights: a file is no whole GGUF file.
        ModelMissing, WeightsUnavailable, MergeRefused, ModelServerError: of Ollama.
    """
    async with AsyncExitStack() as stack:
        parents: list[Parent] = []
        for name in names:
            match _kind(name):
                case "folder":
                    made = await stack.enter_async_context(store.converted(name, report=report))
                    parents.append(_parent(name, made, installed=None))
                case "file":
                    parents.append(_of_file(name))
                case "model":
                    parents.append(_parent(name, await store.describe(name), installed=name))
        yield parents


def _kind(name: str) -> Literal["folder", "file", "model"]:
    path = Path(name).expanduser()
    if path.exists():
        return "folder" if path.is_dir() else "file"
    # Ollama's names may have slashes too; these can only be meant as paths.
    if name.endswith(".gguf") or name.startswith((".", "~", os.sep)):
        raise InvalidInput(f"there is no file or folder {name!r}")
    return "model"


def _of_file(name: str) -> Parent:
    file = GgufFile.open(Path(name).expanduser())
    licence = licence_of(name, file, ())
    return Parent(name=name, file=file, packaging=Packaging(), licence=licence)


def _parent(name: str, made: Installed, *, installed: str | None) -> Parent:
    file = GgufFile.open(made.weights)
    return Parent(
        name=name,
        file=file,
        packaging=made.packaging,
        licence=licence_of(name, file, made.packaging.licences),
        installed=installed,
    )
