"""Files that somebody else wrote: of what kind and how large they are is checked before reading."""

from __future__ import annotations

import errno
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MAX_TOML_BYTES = 1 << 20
MAX_TEXT_BYTES = 64 << 20

# What a shell opened for its user: `metier run <(jq … plan.json)`.
_DESCRIPTOR = re.compile(r"/dev/stdin|(/dev|/proc/self)/fd/\d+")
# A terminal is not to become this process's own, and a pipe that nobody writes to not to be
# waited for.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_FLAGS |= getattr(os, "O_BINARY", 0)

# tomllib takes time that grows with the square of a key's parts.
_MAX_KEY_PARTS = 32
# Python prints no integer of more than 4300 digits.
_MAX_BITS = 14_280
_MAX_SHOWN = 80
_PART = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
_LONG_KEY = re.compile(rf"(?:\.[ \t]*{_PART}[ \t]*){{{_MAX_KEY_PARTS}}}")


def read_bytes(path: Path, *, max_bytes: int = MAX_TEXT_BYTES) -> bytes:
    """The content of an ordinary file.

    The null device is an empty one. What a shell passes as `/dev/fd/63` may be a pipe.

    Raises:
        OSError: it cannot be read, is a device or a pipe, or is too large. `strerror` says why.
    """
    handle = os.open(path, _FLAGS)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if _is_null_device(found):
            return b""
        if stat.S_ISFIFO(found.st_mode) and _DESCRIPTOR.fullmatch(str(path)):
            os.set_blocking(handle, True)
        elif not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not an ordinary file", str(path))
        _check_size(found.st_size, path, max_bytes)
        data = file.read(max_bytes + 1) or b""
    # It may have grown, and that of a pipe is not known before.
    _check_size(len(data), path, max_bytes)
    return data


def read_text(path: Path, *, max_bytes: int = MAX_TEXT_BYTES) -> str:
    r"""The text of an ordinary file in UTF-8, with ``\n`` at the ends of its lines.

    Raises:
        OSError: it cannot be read, is a device or a pipe, or is too large.
        UnicodeDecodeError: it is not UTF-8.
    """
    text = read_bytes(path, max_bytes=max_bytes).decode("utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parsed_toml(text: str) -> dict[str, Any]:
    """The table of a TOML document.

    Raises:
        ValueError: it is not valid, has a key of very many parts, or a number too long to print.
    """
    if long := _LONG_KEY.search(text):
        line = text.count("\n", 0, long.start()) + 1
        raise ValueError(f"a key of more than {_MAX_KEY_PARTS} parts (at line {line})")
    try:
        table = tomllib.loads(text)
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc
    if any(number.bit_length() > _MAX_BITS for number in _integers(table)):
        raise ValueError("a number of more than 4300 digits")
    return table


def _integers(table: object) -> Iterator[int]:
    """Every integer in a table; tomllib limits the length of decimal ones only."""
    left = [table]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, int):
            yield value


def shown(value: object) -> str:
    """A value from a file for a message: its `repr`, cut if it is long."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"


def _check_size(size_bytes: int, path: Path, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {max_bytes >> 20} MiB", str(path))


def _is_null_device(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and os.path.samestat(found, Path(os.devnull).stat())
