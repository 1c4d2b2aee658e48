"""A disk that fails: every change of a file can be the one that does not succeed.

Like SQLite's own tests, a test repeats an operation and lets its first change of a file fail, then
its second, and so on until none is left to fail::

    for moment in moments(folder, FileFault.FULL):
        with moment:
            save(folder)
        assert load(folder) in (old, new)
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

from metier.errors import MetierError

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate"}
# They succeed on a disk that is full.
_REMOVALS = {"os.remove", "os.rmdir", "os.chmod"}
_READS = {"os.listdir", "os.scandir"}


class FileFault(StrEnum):
    """What happens at a change of a file; `DENIED` and `BROKEN` also hit reading."""

    FULL = "full"  # no space is left
    READ_ONLY = "read-only"  # the file system is mounted so
    DENIED = "denied"  # another user's files
    BROKEN = "broken"  # an error of the device
    INTERRUPTED = "interrupted"  # Ctrl-C
    KILLED = "killed"  # this process, with SIGKILL: for a process that was made for it


_ERRORS = {
    FileFault.FULL: errno.ENOSPC,
    FileFault.READ_ONLY: errno.EROFS,
    FileFault.DENIED: errno.EACCES,
    FileFault.BROKEN: errno.EIO,
}
# Python has no way to remove an audit hook: one is set at the first use, and looks here.
_active: list[FaultyFiles] = []
_hooked = False


class FaultyFiles:
    """The files below a folder while they fail; `faulty_files` makes it.

    Attributes:
        failed: whether it came to a fault.
    """

    def __init__(self, folder: Path, fault: FileFault, *, after: int, once: bool) -> None:
        self._folder = os.path.realpath(folder)
        self._fault = fault
        self._left = after
        self._once = once
        self.failed = False

    def meet(self, event: str, args: tuple[Any, ...]) -> None:
        """Raise if this event is one that fails."""
        if not self._concerns(event, args) or (self._once and self.failed):
            return
        if self._left > 0:
            self._left -= 1
            return
        self.failed = True
        if self._fault is FileFault.KILLED:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._fault is FileFault.INTERRUPTED:
            raise KeyboardInterrupt
        number = _ERRORS[self._fault]
        raise OSError(number, os.strerror(number), _text(args[0]))

    def _concerns(self, event: str, args: tuple[Any, ...]) -> bool:
        if event == "open":
            if not isinstance(args[0], str | bytes | os.PathLike):
                return False  # a descriptor that is open already
            counted = bool(args[2] & _WRITING) or self._hits_reading
        else:
            counted = (
                event in _CHANGES
                or (event in _REMOVALS and self._fault is not FileFault.FULL)
                or (event in _READS and self._hits_reading)
            )
        return counted and self._is_below(_text(args[0]))

    def _is_below(self, path: str) -> bool:
        return path == self._folder or path.startswith(self._folder + os.sep)

    @property
    def _hits_reading(self) -> bool:
        return self._fault in (FileFault.DENIED, FileFault.BROKEN)


@contextmanager
def faulty_files(
    folder: Path, fault: FileFault, *, after: int = 0, once: bool = False
) -> Iterator[FaultyFiles]:
    """Let what Python does with the files below a folder fail, in all threads of this process.

    What a library in C does by itself, such as SQLite or FAISS, is not seen: see `full_disk`.

    Args:
        after: how many operations succeed before.
        once: whether those after the first fault succeed again.
    """
    global _hooked  # noqa: PLW0603  # a hook stays as long as the process
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True
    made = FaultyFiles(folder, fault, after=after, once=once)
    _active.append(made)
    try:
        yield made
    finally:
        _active.remove(made)


def moments(folder: Path, fault: FileFault, *, most: int = 1000) -> Iterator[FailingMoment]:
    """Each moment of an operation at which a file can fail, as a context manager.

    An error of metier, an `OSError` and an interrupt that come of it end with its block; anything
    else goes on. The last one is that of the operation without a fault.
    """
    for after in range(most):
        moment = FailingMoment(folder, fault, after=after)
        yield moment
        if not moment.failed:
            return
    raise AssertionError(f"an operation with more than {most} changes of files")


class FailingMoment:
    """The operation in its block fails at one moment; `moments` makes it.

    Attributes:
        failed: whether it came to a fault.
        error: what the operation raised; None if it went on without the file.
    """

    def __init__(self, folder: Path, fault: FileFault, *, after: int) -> None:
        self._faulty = faulty_files(folder, fault, after=after, once=fault is FileFault.INTERRUPTED)
        self.failed = False
        self.error: BaseException | None = None

    def __enter__(self) -> None:
        """Begin to fail."""
        self._files = self._faulty.__enter__()

    def __exit__(self, kind: object, exc: BaseException | None, trace: object) -> bool:
        """Stop failing, and keep the error."""
        self._faulty.__exit__(None, None, None)
        self.failed, self.error = self._files.failed, exc
        return isinstance(exc, MetierError | OSError | KeyboardInterrupt) and self.failed


@contextmanager
def full_disk(*, at_bytes: int = 0) -> Iterator[None]:
    """Let no file of this process become longer, whoever writes to it: SQLite and FAISS, too.

    The system itself refuses, with "File too large". POSIX only.
    """
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _active and (event == "open" or event.startswith("os.")):
        for each in tuple(_active):
            each.meet(event, args)


def _text(path: object) -> str:
    if not isinstance(path, str | bytes | os.PathLike):
        return ""
    with suppress(ValueError):
        # Not `realpath`, which looks at the disk.
        return os.path.abspath(os.fsdecode(path))  # noqa: PTH100
    return ""
