"""Files that are whole whenever somebody looks."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path

from metier.errors import IndexUnavailable


@contextmanager
def replacing(path: Path) -> Iterator[BufferedRandom]:
    """A file to write, which takes the place of `path` once all of it is written.

    A reader sees the old one or the new one, never half of one; where something fails the old
    one stays.

    Raises:
        OSError: it cannot be written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write(path: Path, data: bytes) -> None:
    """Put `data` in the place of what was there; see `replacing`.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as file:
        file.write(data)


def save(path: Path, data: bytes) -> None:
    """Put what was learnt in the place of what was there; see `replacing`.

    Raises:
        IndexUnavailable: it cannot be written.
    """
    try:
        write(path, data)
    except OSError as exc:
        raise IndexUnavailable(
            f"{path} cannot be written: {exc.strerror}",
            hint="Set METIER_CACHE_DIR to a folder that can be written",
        ) from exc
