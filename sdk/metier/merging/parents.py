"""Find the models to merge by the names that the user gives."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from metier.errors import InvalidInput, MergeRefused
from metier.merging.adapters import Adapter, is_adapter
from metier.merging.gguf_file import GgufFile
from metier.merging.licences import Licence, combined, licence_of, texts
from metier.merging.store import Installed, Packaging, Report, Store

_CONVERT = "Convert it with llama.cpp's convert_lora_to_gguf.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A model to merge.

    Attributes:
        name: the name that the user gave.
        title: the name to publish: only the last part of a path.
        adapters: LoRA adapters to add to the weights in the file.
        packaging: template, parameters and more; empty for a GGUF file.
        installed: its name in Ollama; None if Ollama does not have it.
    """

    name: str
    title: str
    file: GgufFile
    adapters: tuple[Adapter, ...] = ()
    packaging: Packaging
    licence: Licence
    installed: str | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """Its files: the model's, then the adapters'."""
        return (self.file.path, *(each.file.path for each in self.adapters))

    @property
    def mostly(self) -> str:
        """The number type that holds most of its weights."""
        counts: Counter[str] = Counter()
        for tensor in self.file.tensors.values():
            counts[tensor.kind] += tensor.count
        return counts.most_common(1)[0][0]


@asynccontextmanager
async def found(
    names: Sequence[str],
    store: Store,
    *,
    base: str | None = None,
    report: Report = lambda _: None,
) -> AsyncIterator[list[Parent]]:
    """Open the models with these names: GGUF files, folders with safetensors, or Ollama's.

    `MODEL+ADAPTER` is a model with an adapter; an adapter alone is added to the base. Ollama
    converts folders, and the converted models are deleted at the end.

    Args:
        base: the name of the model for adapters that are given alone.

    Raises:
        InvalidInput: a path does not exist.
        UnreadableWeights: a file is not a complete GGUF file.
        MergeRefused: an adapter does not fit its model, or has none.
        ModelMissing, WeightsUnavailable, ModelServerError: from Ollama.
    """
    async with AsyncExitStack() as stack:
        finder = _Finder(store, stack, report)
        yield [await finder.found(name, base) for name in names]


def parts(name: str) -> tuple[str, ...]:
    """Split a name at `+` into a model and its adapters, unless a file has that name."""
    return (name,) if Path(name).expanduser().exists() else tuple(name.split("+"))


class _Finder:
    def __init__(self, store: Store, stack: AsyncExitStack, report: Report) -> None:
        self._store = store
        self._stack = stack
        self._report = report
        self._models: dict[str, Parent] = {}

    async def found(self, name: str, base: str | None) -> Parent:
        model, *adapters = parts(name)
        if not adapters and base != name and (alone := _adapter_at(name)):
            if base is None:
                raise MergeRefused(
                    f"{name!r} is an adapter, but the model that it was made for is not named",
                    hint=f"Name it: --base MODEL, or MODEL+{name}",
                )
            under = await self.found(base, None)
            return _with(under, alone, name=name, title=_title(name), licence=_licence(alone))
        parent = await self._model(model)
        for each in adapters:
            parent = self._adapted(parent, each)
        return parent

    def _adapted(self, parent: Parent, name: str) -> Parent:
        if (adapter := _adapter_at(name)) is None:
            raise MergeRefused(f"{name!r} is not a GGUF adapter", hint=_CONVERT)
        both = [parent.licence, _licence(adapter)]
        return _with(
            parent,
            adapter,
            name=f"{parent.name}+{name}",
            title=f"{parent.title}+{_title(name)}",
            licence=Licence(model=parent.name, name=combined(both), texts=texts(both)),
        )

    async def _model(self, name: str) -> Parent:
        if name not in self._models:
            self._models[name] = await self._opened(name)
        return self._models[name]

    async def _opened(self, name: str) -> Parent:
        match _kind(name):
            case "folder":
                made = self._store.converted(name, report=self._report)
                return _parent(name, await self._stack.enter_async_context(made), installed=None)
            case "file":
                return _of_file(name)
            case "model":
                return _parent(name, await self._store.describe(name), installed=name)


def _with(parent: Parent, adapter: Adapter, *, name: str, title: str, licence: Licence) -> Parent:
    adapter.check(parent.file, parent.name)
    return replace(
        parent,
        name=name,
        title=title,
        adapters=(*parent.adapters, adapter),
        licence=licence,
        installed=None,
    )


def _adapter_at(name: str) -> Adapter | None:
    """The adapter in a file; None if the name is not that of an adapter file."""
    path = Path(name).expanduser()
    if not path.is_file() or not is_adapter(file := GgufFile.open(path)):
        return None
    return Adapter.of(name, file)


def _licence(adapter: Adapter) -> Licence:
    return licence_of(adapter.name, adapter.file, ())


def _title(name: str) -> str:
    return Path(name).name


def is_path(name: str) -> bool:
    """Whether a name means a file or folder, even a missing one, rather than an Ollama model."""
    # Ollama's names may contain slashes too; these can only be paths.
    meant = name.endswith(".gguf") or name.startswith((".", "~", os.sep))
    return meant or Path(name).expanduser().exists()


def _kind(name: str) -> Literal["folder", "file", "model"]:
    path = Path(name).expanduser()
    if path.exists():
        return "folder" if path.is_dir() else "file"
    if is_path(name):
        raise InvalidInput(f"there is no file or folder {name!r}")
    return "model"


def _of_file(name: str) -> Parent:
    file = GgufFile.open(Path(name).expanduser())
    if is_adapter(file):
        raise MergeRefused(f"{name!r} is an adapter, not a model")
    return Parent(
        name=name,
        title=_title(name),
        file=file,
        packaging=Packaging(),
        licence=licence_of(name, file, ()),
    )


def _parent(name: str, made: Installed, *, installed: str | None) -> Parent:
    file = GgufFile.open(made.weights)
    return Parent(
        name=name,
        title=installed or _title(name),
        file=file,
        packaging=made.packaging,
        licence=licence_of(name, file, made.packaging.licences),
        installed=installed,
    )
