"""Input of earlier conversations, for the arrow keys: a private file of JSON strings."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from metier.settings.files import locked, private_folder, replace_file
from metier.settings.reading import read_text

# The maximum number of entries, and the length of the longest.
MOST_ENTRIES = 1000
MOST_CHARS = 4000


class InputHistory:
    """The user's input, over sessions.

    Args:
        path: the file, which only its owner can read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[str]:
        """Return the newest entries, the oldest of them first; broken lines are skipped.

        Raises:
            OSError: the file cannot be read.
        """
        try:
            lines = read_text(self._path).splitlines()
        except (FileNotFoundError, UnicodeDecodeError):
            return []
        return [entry for line in lines[-MOST_ENTRIES:] if (entry := _entry(line))]

    def add(self, text: str) -> None:
        """Keep a text, unless it begins with a space or is very long.

        Raises:
            OSError: it cannot be written.
            Locked: another process holds the file.
        """
        if text.startswith(" ") or len(text) > MOST_CHARS:
            return
        private_folder(self._path.parent)
        with locked(self._path.with_suffix(".lock"), wait_s=2):
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
            with os.fdopen(os.open(self._path, flags, 0o600), "a+b") as file:
                # A line that was not written to its end must not spoil this one.
                file.write((b"\n" if _lacks_end(file) else b"") + _line(text))

    def trim(self) -> None:
        """Remove all but the newest entries.

        Raises:
            OSError: the file cannot be read or written.
            Locked: another process holds the file.
        """
        if not self._path.exists():
            return
        with locked(self._path.with_suffix(".lock"), wait_s=2):
            kept = self.read()
            replace_file(self._path, b"".join(map(_line, kept)))


def _lacks_end(file: BinaryIO) -> bool:
    """Whether the last line of a file has no end."""
    if file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def _line(text: str) -> bytes:
    return f"{json.dumps(text)}\n".encode()


def _entry(line: str) -> str:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


def without_repeats(entries: Sequence[str]) -> list[str]:
    """Keep only the last occurrence of each entry."""
    return list(reversed(dict.fromkeys(reversed(entries))))
