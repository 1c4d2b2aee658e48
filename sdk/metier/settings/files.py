"""Files that are whole whenever somebody reads them, and locks between processes."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedRandom
from pathlib import Path

from metier.errors import Locked

try:
    import fcntl
except ImportError:  # Windows: two processes that write at once are not kept apart there
    fcntl = None

# How long a lock that another process holds is waited for, and how often it is looked at.
WAIT_S = 60.0
POLL_S = 0.05

_SCRATCH = ".tmp"
# What came after the name before there was a suffix.
_OLD_SCRATCH = "[a-z0-9_]" * 8


@contextmanager
def replacing(path: Path) -> Iterator[BufferedRandom]:
    """A file to write, which takes the place of `path` once all of it is on the disk.

    A reader sees the old one or the new one, never half of one; where something fails the old
    one stays. Only its owner may read it.

    Raises:
        OSError: it cannot be written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_SCRATCH)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` in the place of what was there; see `replacing`.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as file:
        file.write(data)


def scratch(folder: Path, *names: str) -> Iterator[Path]:
    """What `replacing` left in a folder when its process was killed, or is writing now.

    Args:
        names: of the files that were to be replaced; `*` stands for anything.
    """
    for name in names:
        for pattern in (f".{name}.*{_SCRATCH}", f"{name}{_OLD_SCRATCH}"):
            yield from folder.glob(pattern)


def remove_scratch(folder: Path, *names: str) -> None:
    """Remove what `scratch` finds.

    Hold the lock of all who write these files, or what another process is writing goes.

    Raises:
        OSError: a file cannot be removed.
    """
    for file in list(scratch(folder, *names)):
        file.unlink(missing_ok=True)


def private_folder(folder: Path) -> None:
    """Make a folder that only its owner can look into; one that exists becomes one.

    Raises:
        OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)


@contextmanager
def locked(
    path: Path, *, wait_s: float = WAIT_S, waiting: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold a lock that one process at a time can hold; it ends with the process.

    Args:
        path: the lock file. It is made, with its folder, and stays; only who holds the lock may
            remove it.
        waiting: called once if another process holds the lock.

    Raises:
        Locked: another process holds it for longer than `wait_s`.
        OSError: the file cannot be made.
    """
    deadline = time.monotonic() + wait_s
    told = False
    while (handle := _lock(path)) is None:
        if time.monotonic() >= deadline:
            raise Locked(str(path))
        if not told:
            waiting()
            told = True
        time.sleep(POLL_S)
    try:
        yield
    finally:
        os.close(handle)


def _lock(path: Path) -> int | None:
    """The descriptor that holds the lock, or None if another process has it."""
    while True:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.fstat(handle).st_ino == path.stat().st_ino:
                    return handle
        except BlockingIOError:
            os.close(handle)
            return None
        # Its last holder removed the file: whoever comes now locks another one.
        os.close(handle)
