"""What is kept of a domain's knowledge on disk: one JSON file, and one of vectors that it names.

The vectors' file is named by its content and written first, so that a reader finds either the old
pair or the new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from metier.errors import IndexUnavailable
from metier.knowledge.chunks import Chunk
from metier.models.nearest import NearestVectors
from metier.settings import files

FORMAT = 1
FILE = "knowledge.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid")


class Entry(_Frozen):
    """A document that was added.

    Attributes:
        path: where it was read from, absolute.
        name: how it is cited.
        root: the place that was named when it was added: the file itself, or a folder above it.
        sha256: of its content.
        chunks: how many it has.
    """

    path: str
    name: str
    root: str
    sha256: str
    size_bytes: int
    chunks: int


class KeptChunk(_Frozen):
    """A chunk with its number, which is never given again, and the path of its document."""

    number: int
    path: str
    chunk: Chunk


class Saved(_Frozen):
    """Everything but the vectors.

    Attributes:
        vectors: SHA-256 of the vectors' file; empty where there are none.
        sha256: over all the other fields.
    """

    format: int = FORMAT
    embedder: str
    vectors: str
    next_number: int
    entries: tuple[Entry, ...]
    chunks: tuple[KeptChunk, ...]
    sha256: str = ""

    def digest(self) -> str:
        """SHA-256 over all fields but that of the digest itself."""
        return hashlib.sha256(self.model_dump_json(exclude={"sha256"}).encode()).hexdigest()


def read(folder: Path) -> Saved | None:
    """What is saved in a folder; None where nothing is.

    Raises:
        IndexUnavailable: it is damaged, or of another version of metier.
    """
    file = folder / FILE
    try:
        saved = Saved.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise IndexUnavailable(f"{file} cannot be read: {exc.strerror}") from exc
    except ValidationError as exc:
        raise _damaged(file) from exc
    if saved.format != FORMAT or saved.sha256 != saved.digest():
        raise _damaged(file)
    return saved


def read_vectors(folder: Path, saved: Saved) -> NearestVectors | None:
    """The vectors, or None where they are missing or damaged."""
    try:
        data = _file_of(folder, saved.vectors).read_bytes()
        if hashlib.sha256(data).hexdigest() != saved.vectors:
            return None
        return NearestVectors.read(BytesIO(data))
    except (OSError, RuntimeError):
        return None


def write(folder: Path, saved: Saved, table: NearestVectors | None) -> None:
    """Save both; files of vectors that are not in use go.

    Raises:
        IndexUnavailable: the folder cannot be written.
    """
    data = _bytes_of(table) if table is not None else b""
    vectors = hashlib.sha256(data).hexdigest() if data else ""
    whole = saved.model_copy(update={"vectors": vectors})
    whole = whole.model_copy(update={"sha256": whole.digest()})
    kept = _file_of(folder, vectors)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if data:
            files.replace_file(kept, data)
        files.replace_file(folder / FILE, whole.model_dump_json().encode())
        _unlink(file for file in folder.glob("*.faiss") if file != kept)
    except OSError as exc:
        raise _unwritable(folder, exc) from exc


def erase(folder: Path) -> None:
    """Take everything away; where there is nothing it is no error.

    Raises:
        IndexUnavailable: the folder cannot be written.
    """
    try:
        _unlink([folder / FILE, *folder.glob("*.faiss")])
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    except OSError as exc:
        raise _unwritable(folder, exc) from exc


def _bytes_of(table: NearestVectors) -> bytes:
    buffer = BytesIO()
    table.write(buffer)
    return buffer.getvalue()


def _unlink(files: Iterable[Path]) -> None:
    for file in list(files):
        file.unlink(missing_ok=True)


def _file_of(folder: Path, digest: str) -> Path:
    return folder / f"{digest[:16]}.faiss"


def _damaged(file: Path) -> IndexUnavailable:
    return IndexUnavailable(
        f"{file} is damaged, or written by another version of metier",
        hint=f"Start anew: metier knowledge remove {file.parent.name} --all, and add the documents",
    )


def _unwritable(folder: Path, exc: OSError) -> IndexUnavailable:
    return IndexUnavailable(
        f"the documents cannot be saved in {folder}: {exc.strerror}",
        hint="Set METIER_STATE_DIR to a folder that can be written",
    )
