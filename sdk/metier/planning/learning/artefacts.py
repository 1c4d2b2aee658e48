"""The store of everything that is learnt or fitted: one folder, one format, one check.

An artefact `NAME` is `NAME.json`, which is readable and diffable, and, if it has arrays,
`NAME.HASH.npz` next to it, named by the hash in the JSON: even if saving is interrupted, an
existing JSON has its arrays. The JSON names the format's version, the embedder whose vectors it was
learnt from, and a hash of the cards if it is valid only for these. What does not match is not used.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from metier.errors import IndexUnavailable
from metier.settings import files

FORMAT = 1
_HASH_CHARS = 16
_UNUSABLE = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error),
    *(ValueError, TypeError, KeyError, IndexError, AttributeError),
    *(RecursionError, MemoryError),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """The contents of an artefact.

    Attributes:
        data: anything that JSON can represent.
        arrays: NumPy arrays by name, none of them of objects.
    """

    data: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


class Artefact(Protocol):
    """Something that was learnt, and how it is packed.

    Attributes:
        name: of its files.
        teaches: what it is for, shown by `metier learn status`.
        version: of its contents; other versions are not read.
    """

    name: ClassVar[str]
    teaches: ClassVar[str]
    version: ClassVar[int]

    def packed(self) -> Packed:
        """Return what to save."""
        ...

    @classmethod
    def unpacked(cls, packed: Packed) -> Self:
        """Return what was saved.

        Raises:
            ValueError, TypeError, KeyError, IndexError: it is incomplete.
        """
        ...


A = TypeVar("A", bound=Artefact)


class _Header(BaseModel):
    """The JSON file."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    format: int
    artefact: str
    version: int
    teaches: str
    embedder: str
    of: str
    sha256: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An artefact in the store.

    Attributes:
        problem: why it is not used; empty if it is.
    """

    name: str
    teaches: str
    file: Path
    size_bytes: int
    problem: str = ""


class ArtefactStore:
    """The artefacts of one embedder, in one folder.

    Args:
        embedder_id: the embedder that they were learnt with; artefacts of others are not used.
    """

    def __init__(self, folder: Path, *, embedder_id: str) -> None:
        self.folder = folder
        self._embedder_id = embedder_id

    def file(self, name: str) -> Path:
        """Return the path of an artefact's JSON file, which may not exist."""
        return self.folder / f"{name}.json"

    def has(self, name: str) -> bool:
        """Whether an artefact of this name exists, usable or not."""
        return self.file(name).exists()

    def save(self, artefact: Artefact, *, of: str = "") -> Path:
        """Save an artefact, replacing the existing one.

        Args:
            of: a hash of the cards, if it is valid only for these.

        Returns:
            Its JSON file.

        Raises:
            IndexUnavailable: the folder cannot be written.
        """
        packed = artefact.packed()
        arrays = _archive(packed.arrays)
        header = _Header(
            format=FORMAT,
            artefact=artefact.name,
            version=artefact.version,
            teaches=artefact.teaches,
            embedder=self._embedder_id,
            of=of,
            sha256="",
            data=dict(packed.data),
        )
        header.sha256 = _digest(header, arrays)
        file = self.file(artefact.name)
        try:
            files.private_folder(self.folder)
            with files.locked(self.folder / ".lock"):
                files.remove_leftovers(self.folder)
                if arrays:
                    files.replace_file(self._arrays_file(header), arrays)
                files.replace_file(file, f"{header.model_dump_json(indent=2)}\n".encode())
                for archive in self._archives(artefact.name):
                    if not arrays or archive != self._arrays_file(header):
                        archive.unlink(missing_ok=True)
        except OSError as exc:
            raise IndexUnavailable(
                f"{file} cannot be written: {exc.strerror}",
                hint="Set METIER_CACHE_DIR to a folder that can be written",
            ) from exc
        return file

    def load(self, kind: type[A], *, of: str = "") -> A | None:
        """Load the artefact of this kind; None if there is none that can be used.

        Args:
            of: as given to `save`.
        """
        try:
            header = self._header(kind.name)
            if (header.version, header.of) != (kind.version, of):
                return None
            if header.format != FORMAT or header.embedder != self._embedder_id:
                return None
            return kind.unpacked(Packed(data=header.data, arrays=self._arrays(header)))
        except _UNUSABLE:
            return None

    def remove(self, name: str) -> bool:
        """Remove an artefact; return whether it existed."""
        if name not in {each.stem for each in self.folder.glob("*.json")}:
            return False
        for file in (self.file(name), *self._archives(name)):
            file.unlink(missing_ok=True)
        return True

    def status(self, *, of: str) -> list[Kept]:
        """List the artefacts by name, and whether they can be used.

        Args:
            of: the hash of the current cards.
        """
        return [self._kept(file, of=of) for file in sorted(self.folder.glob("*.json"))]

    def _kept(self, file: Path, *, of: str) -> Kept:
        size = sum(each.stat().st_size for each in (file, *self._archives(file.stem)))
        try:
            header = self._header(file.stem)
            self._arrays(header)
        except _UNUSABLE:
            return Kept(name=file.stem, teaches="", file=file, size_bytes=size, problem="damaged")
        problem = ""
        if header.format != FORMAT:
            problem = "from another version of metier"
        elif header.embedder != self._embedder_id:
            problem = f"learnt with the embedder {header.embedder}"
        elif header.of not in ("", of):
            problem = "learnt for other cards"
        return Kept(
            name=file.stem, teaches=header.teaches, file=file, size_bytes=size, problem=problem
        )

    def _arrays_file(self, header: _Header) -> Path:
        return self.folder / f"{header.artefact}.{header.sha256[:_HASH_CHARS]}.npz"

    def _archives(self, name: str) -> list[Path]:
        """The array files of an artefact: one, unless saving was interrupted."""
        hashed = self.folder.glob(f"{name}.{'?' * _HASH_CHARS}.npz")
        return [*hashed, *self.folder.glob(f"{name}.npz")]

    def _header(self, name: str) -> _Header:
        return _Header.model_validate(json.loads(self.file(name).read_bytes()))

    def _arrays(self, header: _Header) -> dict[str, npt.NDArray[Any]]:
        # From memory, because NumPy leaves a damaged file open.
        file = self._arrays_file(header)
        if not file.exists():
            file = self.folder / f"{header.artefact}.npz"  # its name before version 0.2
        archive = file.read_bytes() if file.exists() else b""
        if _digest(header, archive) != header.sha256:
            raise ValueError("the files differ from what was saved")
        if not archive:
            return {}
        with np.load(io.BytesIO(archive), allow_pickle=False) as opened:
            return dict(opened)


def _digest(header: _Header, archive: bytes) -> str:
    told = header.model_dump(exclude={"sha256"})
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode() + archive).hexdigest()


def _archive(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    if not arrays:
        return b""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
