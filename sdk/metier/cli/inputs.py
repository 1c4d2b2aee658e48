"""What a command reads: the question, files, stdin."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metier.plan import Document


def question_from(
    words: tuple[str, ...], files: tuple[Path, ...]
) -> tuple[str, tuple[Document, ...]]:
    """Read the question, and the documents that it is about.

    Text on stdin is the question if no words are given, and otherwise a document.
    """
    from metier.errors import EmptyQuestion
    from metier.plan import Document

    question = " ".join(words).strip()
    documents = [document_from(file) for file in files]
    takes_stdin = Path("-") not in files and not sys.stdin.isatty()
    if piped := (text_of(Path("-")).strip() if takes_stdin else ""):
        if question:
            documents.append(Document(name="stdin", text=piped))
        else:
            question = piped
    if not question:
        raise EmptyQuestion
    return question, tuple(documents)


def document_from(file: Path) -> Document:
    """Read a file as a document; `-` is stdin.

    Raises:
        UnreadableInput: it cannot be read, or is not text.
    """
    from metier.models.control import without_surrogates
    from metier.plan import Document

    return Document(name=without_surrogates(file.name), text=text_of(file))


def text_of(file: Path) -> str:
    """Read the text of a file; `-` is stdin.

    Raises:
        UnreadableInput: it cannot be read, or is not text.
    """
    from metier.errors import UnreadableInput
    from metier.settings.reading import read_bytes

    name = "stdin" if str(file) == "-" else str(file)
    try:
        data = _stdin() if str(file) == "-" else read_bytes(file)
    except OSError as exc:
        raise UnreadableInput(name, reason=(exc.strerror or str(exc)).lower()) from exc
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise UnreadableInput(name) from exc
    if "\x00" in text:
        raise UnreadableInput(name)
    return text


def _stdin() -> bytes:
    from metier.settings.reading import MAX_TEXT_BYTES

    data = sys.stdin.buffer.read(MAX_TEXT_BYTES + 1)
    if len(data) > MAX_TEXT_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MAX_TEXT_BYTES >> 20} MiB")
    return data
