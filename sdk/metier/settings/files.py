"""Metier's own files: private, replaced as a whole, locked between processes, cleaned up."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import BufferedRandom
from pathlib import Path

from metier.errors import Locked

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there, and no leftovers are removed
    fcntl = None

# What `replacing` writes; no file that is kept has such a name.
SCRATCH = ".*.tmp"
# What came after a file's name before there was a suffix.
OLD_SCRATCH = "[a-z0-9_]" * 8
# How long a lock that another process holds is waited for, and how often it is looked at.
WAIT_S = 60.0
POLL_S = 0.05
# Some network file systems cannot lock, or not everything.
_CANNOT_LOCK = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF}


@contextmanager
def replacing(path: Path) -> Iterator[BufferedRandom]:
    """A file to write, which replaces `path` once all of it is on the disk.

    A reader sees the old file or the new one, never half of one. The old one stays if anything
    fails. The file is readable by its owner only.

    Raises:
        OSError: it cannot be written.
    """
    with _in_use(lambda: _scratch_file(path)) as scratch:
        try:
            with scratch.open("w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file by one with this content; see `replacing`.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as file:
        file.write(data)


def private_folder(path: Path, *, tighten: bool = False) -> None:
    """Make a folder, and those above it that are missing, for its owner only.

    Args:
        tighten: take a folder that is there already from everybody else, too.

    Raises:
        OSError: it cannot be made.
    """
    for missing in reversed([each for each in path.parents if not each.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    if tighten and path.stat().st_mode & 0o077:
        path.chmod(0o700)


@contextmanager
def temporary_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A folder for work in progress, removed at the end; those of killed processes go first.

    Raises:
        OSError: it cannot be made.
    """
    remove_leftovers(parent, f".{prefix}*.tmp")
    name = partial(tempfile.mkdtemp, dir=parent, prefix=f".{prefix}", suffix=".tmp")
    with _in_use(lambda: Path(name())) as scratch:
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def remove_leftovers(folder: Path, *patterns: str) -> None:
    """Remove the scratch files and folders that killed processes left; those in use stay.

    Args:
        patterns: of their names; all that `replacing` writes if not given.
    """
    for pattern in patterns or (SCRATCH,):
        for path in folder.glob(pattern) if fcntl else ():
            # It is in use, gone, or not ours to remove.
            with suppress(OSError):
                _remove_unused(path)


@contextmanager
def locked(
    path: Path,
    *,
    wait_s: float = WAIT_S,
    waiting: Callable[[], None] = lambda: None,
    shared: bool = False,
) -> Iterator[int]:
    """Hold a lock that one process at a time can hold; it ends with the process.

    A child that inherits the descriptor of the file holds it, too.

    Args:
        path: the lock file. It is made, with its folder, and stays; only who holds the lock may
            remove it.
        waiting: called once if another process holds the lock.
        shared: others that ask for a shared lock get it, too.

    Raises:
        Locked: another process holds it for longer than `wait_s`.
        OSError: the file cannot be made.
    """
    deadline = time.monotonic() + wait_s
    told = False
    while (handle := _held(path, shared=shared)) is None:
        if time.monotonic() >= deadline:
            raise Locked(str(path))
        if not told:
            waiting()
            told = True
        time.sleep(POLL_S)
    try:
        yield handle
    finally:
        os.close(handle)


def _held(path: Path, *, shared: bool) -> int | None:
    """The descriptor that holds the lock, or None if another process has it."""
    while True:
        private_folder(path.parent)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _lock(handle, shared=shared):
                os.close(handle)
                return None
            with suppress(FileNotFoundError):
                if os.fstat(handle).st_ino == path.stat().st_ino:
                    return handle
        except OSError:
            os.close(handle)
            raise
        # Its last holder removed the file: whoever comes now locks another one.
        os.close(handle)


def _lock(handle: int, *, shared: bool = False) -> bool:
    """Lock an open file without waiting; False if somebody else has it."""
    try:
        _flock(handle, shared=shared)
    except BlockingIOError:
        return False
    except OSError as exc:
        if exc.errno not in _CANNOT_LOCK:
            raise
    return True


def _flock(handle: int, *, shared: bool = False) -> None:
    if fcntl is not None:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


@contextmanager
def _in_use(make: Callable[[], Path]) -> Iterator[Path]:
    """The path that `make` makes, locked until the end, so that `remove_leftovers` spares it."""
    if fcntl is None:
        yield make()
        return
    path, lock = _claimed(make)
    try:
        yield path
    finally:
        os.close(lock)


def _claimed(make: Callable[[], Path]) -> tuple[Path, int]:
    while True:
        path = make()
        # Until it is locked, another process may take it for a leftover and remove it.
        with suppress(FileNotFoundError):
            lock = _opened(path)
            if _lock(lock) and path.exists():
                return path, lock
            os.close(lock)


def _scratch_file(path: Path) -> Path:
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except OSError as exc:
        exc.filename = str(path)  # the user knows no other
        raise
    os.close(handle)
    return Path(name)


def _opened(path: Path) -> int:
    # NFS locks only what is open for writing, which a folder cannot be.
    mode = os.O_RDONLY if path.is_dir() else os.O_RDWR
    return os.open(path, mode | os.O_NOFOLLOW | os.O_NONBLOCK)


def _remove_unused(path: Path) -> None:
    """Remove a file or folder.

    Raises:
        OSError: it is in use, or it cannot be known whether it is.
    """
    lock = _opened(path)
    try:
        _flock(lock)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    finally:
        os.close(lock)
