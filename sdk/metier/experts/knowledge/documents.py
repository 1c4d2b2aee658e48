"""Files to text: Markdown, plain text, PDF. What cannot be read is named with its reason."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from metier.errors import InvalidInput
from metier.experts.knowledge.chunks import Chunk, chunked
from metier.experts.knowledge.pdf import Unreadable as Unreadable
from metier.experts.knowledge.pdf import pages_of

MARKDOWN = (".md", ".markdown")
TEXT = (".txt", ".text")
PDF = (".pdf",)
MAX_FILE_BYTES = 50 << 20
MAX_FILES = 10_000

_LINK = "it is a link, and links are not followed"
# What Windows lacks of them does not matter there.
_FLAGS = ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
_OPENED = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in _FLAGS)

# Byte order marks; UTF-32 first, since its mark begins with that of UTF-16.
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")
# Letters that a PDF holds as one glyph, as everybody writes them.
_GLYPHS = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file that is not read, and why.

    Attributes:
        failed: whether metier reads such files, and could not read this one. Other kinds of files
            and links are left out on purpose.
    """

    path: str
    reason: str
    failed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that can be read.

    Attributes:
        path: where it is, absolute.
        name: how it is cited: the added folder's name with the path in it.
    """

    path: Path
    name: str


def files_in(place: Path) -> Iterator[Found | Skipped]:
    """The readable files at a place, in the order of their paths: a folder's, or the file itself.

    Hidden files and folders are left out. Links are not followed: what they lead to is read where
    it stands, if that is in the folder.

    Raises:
        InvalidInput: there is nothing at that place, or far too much.
    """
    root = place.expanduser().resolve()
    if not root.exists():
        raise InvalidInput(
            f"there is no file or folder {str(place)!r}",
            hint="What was added and is gone goes with: metier knowledge remove",
        )
    if not root.is_dir():
        yield _looked_at(root, root.name)
        return
    count = 0
    unread: list[OSError] = []
    for folder, folders, names in os.walk(root, onerror=unread.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in names if not name.startswith(".")):
            count += 1
            if count > MAX_FILES:
                raise InvalidInput(
                    f"{str(place)!r} holds more than {MAX_FILES} files",
                    hint="Add the folders in it that matter",
                )
            path = Path(folder, name)
            yield _looked_at(path, (root.name / path.relative_to(root)).as_posix())
    for error in unread:
        yield Skipped(path=_shown(error.filename), reason=_told(error))


def _looked_at(path: Path, name: str) -> Found | Skipped:
    if path.suffix.lower() not in (*MARKDOWN, *TEXT, *PDF):
        reason = "it is neither Markdown nor text nor PDF"
        return Skipped(path=_shown(path), reason=reason, failed=False)
    if _shown(path) != str(path):
        return Skipped(path=_shown(path), reason="its name is not UTF-8; rename it")
    try:
        found = path.lstat()
    except OSError as exc:
        return Skipped(path=str(path), reason=_told(exc))
    if stat.S_ISLNK(found.st_mode):
        return Skipped(path=str(path), reason=_LINK, failed=False)
    reason = _refusal(found)
    return Skipped(path=str(path), reason=reason) if reason else Found(path=path, name=name)


def _refusal(found: os.stat_result) -> str:
    """Why a file is not read, by its kind and size; empty if it is."""
    if not stat.S_ISREG(found.st_mode):
        return "it is no ordinary file"
    if found.st_size > MAX_FILE_BYTES:
        return f"it has {found.st_size >> 20} MB, and at most {MAX_FILE_BYTES >> 20} MB are read"
    return ""


def content(path: Path) -> tuple[bytes, str]:
    """A file's bytes and their SHA-256.

    It may have changed since it was found. So its kind and size are those of what was opened, and
    opening it neither follows a link nor waits for the other end of a pipe.

    Raises:
        Unreadable: it cannot be opened, or is no ordinary file.
    """
    try:
        handle = os.open(path, _OPENED)
        try:
            reason = _refusal(os.fstat(handle))
            if reason:
                raise Unreadable(reason)
            with open(handle, "rb", closefd=False) as file:
                data = file.read(MAX_FILE_BYTES + 1)
        finally:
            os.close(handle)
    except OSError as exc:
        raise Unreadable(_LINK if exc.errno == errno.ELOOP else _told(exc)) from exc
    if len(data) > MAX_FILE_BYTES:
        raise Unreadable(f"it grows, and at most {MAX_FILE_BYTES >> 20} MB are read")
    return data, hashlib.sha256(data).hexdigest()


def chunks_of(data: bytes, name: str) -> list[Chunk]:
    """The chunks of a file's content; its name says of which kind it is.

    Raises:
        Unreadable: it is damaged, encrypted, no text, or empty.
    """
    suffix = Path(name).suffix.lower()
    if suffix in PDF:
        chunks = [
            chunk
            for number, text in enumerate(pages_of(data), 1)
            for chunk in chunked(_as_written(text), name=name, page=number)
        ]
        if not chunks:
            raise Unreadable("there is no text in it; scanned pages need text recognition first")
        return chunks
    chunks = chunked(decoded(data), name=name, markdown=suffix in MARKDOWN)
    if not chunks:
        raise Unreadable("it is empty")
    return chunks


def decoded(data: bytes) -> str:
    r"""A text file's text, with ``\n`` at the ends of its lines.

    UTF-8, or UTF-16 and UTF-32 by their byte order mark; else Windows-1252, the encoding that old
    Western text files have.

    Raises:
        Unreadable: it is no text.
    """
    marked = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    for encoding in (marked,) if marked else ("utf-8", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not _CONTROL.search(text):
            return text.replace("\r\n", "\n").replace("\r", "\n")
        break
    raise Unreadable("it is not text")


def check_pdf_reader(found: Iterable[Found]) -> None:
    """See that the PDFs among some files can be read, before anything is changed.

    Raises:
        InvalidInput: the reader is not installed.
    """
    for each in found:
        if each.path.suffix.lower() in PDF:
            need_pdf_reader(each.name)


def need_pdf_reader(name: str) -> None:
    """See that a PDF can be read.

    Raises:
        InvalidInput: the reader is not installed.
    """
    if importlib.util.find_spec("pypdf") is None:
        raise InvalidInput(
            f"{name!r} is a PDF, and the reader of PDFs is not installed",
            hint="Install it: pip install 'metier[pdf]'",
        )


def pdf_text(data: bytes, *, max_chars: int, cpu_s: int, wall_s: float) -> str:
    """The text of a PDF in one piece, as `pages_of` reads it.

    Raises:
        Unreadable: it cannot be read within the limits, or has no text.
    """
    pages = pages_of(data, max_chars=max_chars, cpu_s=cpu_s, wall_s=wall_s)
    text = "\n\n".join(_as_written(page).strip() for page in pages).strip()
    if not text:
        raise Unreadable("it has no text, only pictures")
    return text


def _as_written(text: str) -> str:
    # A lone surrogate, which a broken font table gives, cannot be saved or embedded.
    whole = text.encode("utf-8", "replace").decode()
    return _CONTROL.sub(" ", whole.translate(_GLYPHS)).replace("\r\n", "\n").replace("\r", "\n")


def _told(exc: OSError) -> str:
    return (exc.strerror or str(exc)).lower()


def _shown(path: Path | str) -> str:
    """A path as text; bytes that are not UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
