"""What is kept of a domain's knowledge on disk: one JSON file, and one of vectors that it names.

The vectors' file is named by its content and written first, so that a reader finds either the old
pair or the new one. Writers hold the lock of the folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from io import BytesIO
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from metier.errors import IndexUnavailable
from metier.experts.knowledge.chunks import Chunk
from metier.models.nearest import NearestVectors
from metier.settings import files

FORMAT = 1
FILE = "knowledge.json"
_LOCK = ".lock"
_VECTORS = "*.faiss"
_LEFTOVERS = (files.SCRATCH, *(name + files.OLD_SCRATCH for name in (FILE, _VECTORS)))

# Tells one state of a folder from another; None if nothing is saved.
Stamp = tuple[int, int, int] | None


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
        vectors: SHA-256 of the vectors' file; empty if there are none.
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


def stamp_of(folder: Path) -> Stamp:
    """The state of what is saved in a folder."""
    try:
        found = (folder / FILE).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def lock(
    folder: Path, *, wait_s: float = files.WAIT_S, waiting: Callable[[], None] = lambda: None
) -> AbstractContextManager[object]:
    """Hold the lock of a folder's writers from now until the `with` ends; the folder is made.

    Raises:
        Locked: another process is writing for longer than `wait_s`.
        IndexUnavailable: the folder cannot be written.
    """
    held = ExitStack()
    try:
        held.enter_context(files.locked(folder / _LOCK, wait_s=wait_s, waiting=waiting))
    except OSError as exc:
        raise _unwritable(folder, exc) from exc
    return held


def sweep(folder: Path) -> None:
    """Remove what writers that were killed left in a folder, unless one is writing now."""
    files.remove_leftovers(folder, *_LEFTOVERS)


def read(folder: Path) -> tuple[Saved, NearestVectors | None] | None:
    """What is saved in a folder, without vectors if these are damaged; None if nothing is.

    Raises:
        IndexUnavailable: it is damaged, or of another version of metier.
    """
    while (saved := _read(folder)) is not None:
        table = _read_vectors(folder, saved)
        # A writer may have removed them meanwhile; then it has saved others.
        if table is not None or saved == _read(folder):
            return saved, table
    return None


def write(folder: Path, saved: Saved, table: NearestVectors | None) -> None:
    """Save both, readable by their owner only; files that are not in use go. Hold the lock.

    Raises:
        IndexUnavailable: the folder cannot be written.
    """
    data = _bytes_of(table) if table is not None else b""
    vectors = hashlib.sha256(data).hexdigest() if data else ""
    whole = saved.model_copy(update={"vectors": vectors})
    whole = whole.model_copy(update={"sha256": whole.digest()})
    kept = _file_of(folder, vectors)
    try:
        files.private_folder(folder, tighten=True)
        sweep(folder)
        if data:
            files.replace_file(kept, data)
        files.replace_file(folder / FILE, whole.model_dump_json().encode())
        for file in folder.glob(_VECTORS):
            if file != kept:
                file.unlink(missing_ok=True)
    except OSError as exc:
        raise _unwritable(folder, exc) from exc


def clear(folder: Path) -> None:
    """Remove everything that holds text or vectors. Hold the lock.

    Raises:
        IndexUnavailable: the folder cannot be written.
    """
    try:
        sweep(folder)
        for file in (folder / FILE, *folder.glob(_VECTORS)):
            file.unlink(missing_ok=True)
    except OSError as exc:
        raise _unwritable(folder, exc) from exc


def erase(folder: Path, *, waiting: Callable[[], None] = lambda: None) -> None:
    """Remove the folder with everything that was saved; it is no error if there is none.

    Raises:
        IndexUnavailable: the folder cannot be written, or another process is writing.
    """
    if not folder.is_dir():
        return
    with lock(folder, waiting=waiting):
        clear(folder)
        (folder / _LOCK).unlink(missing_ok=True)
        # It stays if it holds files that are not metier's.
        with suppress(OSError):
            folder.rmdir()


def _read(folder: Path) -> Saved | None:
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


def _read_vectors(folder: Path, saved: Saved) -> NearestVectors | None:
    try:
        data = _file_of(folder, saved.vectors).read_bytes()
        if hashlib.sha256(data).hexdigest() != saved.vectors:
            return None
        return NearestVectors.read(BytesIO(data))
    except (OSError, RuntimeError):
        return None


def _bytes_of(table: NearestVectors) -> bytes:
    buffer = BytesIO()
    table.write(buffer)
    return buffer.getvalue()


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
