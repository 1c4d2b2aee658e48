"""Processes that fail while they change what is kept: `python -m faults.dying OPERATION HOW`.

Prints the folder of each. They are forked, since starting Python for every moment takes minutes.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import capabilities
from faults.operations import BY_NAME, Operation

from metier.errors import MetierError
from metier.testing import FileFault, faulty_files

# How a process says that its change was refused.
REFUSED = 7
# Modes of the folder and of its files.
FORBIDDEN = {
    "read-only": ((0o500, 0o400), (0o700, 0o400)),
    "permission": ((0o500, 0o600), (0o700, 0o000)),
}
# More than this process has, in bytes.
MEMORY = (0, 1 << 16, 1 << 18, 1 << 20, 4 << 20, 16 << 20)


def killed(operation: Operation, folder: Path) -> Iterator[Path]:
    """One process for every change of a file, which is killed just before it."""
    for after in range(1000):
        mine = copied(folder, str(after))
        if (child := os.fork()) == 0:
            with faulty_files(mine, FileFault.KILLED, after=after):
                operation.change(mine)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        yield mine
        if status == 0:
            return


def out_of_memory(operation: Operation, folder: Path) -> Iterator[Path]:
    """Processes that may have a little more memory than they have."""
    for more in MEMORY:
        mine = copied(folder, str(more))
        if (child := os.fork()) == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            limit = pages * resource.getpagesize() + more
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            with suppress(MetierError, MemoryError):
                operation.change(mine)
            os._exit(0)
        os.waitpid(child, 0)
        yield mine


def forbidden(how: str, operation: Operation, folder: Path) -> Iterator[Path]:
    """Processes that may not use the files, their folder or both; the system itself refuses."""
    for of_folder, of_files in FORBIDDEN[how]:
        mine = copied(folder, f"{of_folder:o} {of_files:o}")
        found = [each for each in mine.rglob("*") if each.is_file()]
        for file in found:
            file.chmod(of_files)
        mine.chmod(of_folder)
        if (child := os.fork()) == 0:
            capabilities.give_up()
            with suppress(BaseException):
                os._exit(REFUSED if is_refused(operation, mine) else 0)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == REFUSED, f"it is not refused: {mine.name}"
        mine.chmod(0o700)
        for file in found:
            file.chmod(0o600)
        yield mine


def is_refused(operation: Operation, folder: Path) -> bool:
    """Whether a change is an error of metier's own that names the file."""
    try:
        operation.change(folder)
    except MetierError as exc:
        return str(folder) in exc.message
    return False


def copied(folder: Path, name: str) -> Path:
    """The old state, with the models beside it: a child without memory cannot make them."""
    parents = folder / "old parents"
    if parents.exists():
        shutil.copytree(parents, folder / f"{name} parents")
    return Path(shutil.copytree(folder / "old", folder / name))


def main(name: str, how: str, folder: str) -> None:
    """Print the folder of each process when it has ended."""
    for mine in HOW[how](BY_NAME[name], Path(folder)):
        print(mine, flush=True)


HOW = {
    "killed": killed,
    "out of memory": out_of_memory,
    **{how: partial(forbidden, how) for how in FORBIDDEN},
}

if __name__ == "__main__":
    main(*sys.argv[1:])
