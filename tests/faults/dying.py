"""Processes that break off while they change what is kept: `python -m faults.dying OPERATION HOW`.

Prints the folder of each. They are forked, since starting Python for every moment takes minutes.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from faults.operations import BY_NAME, Operation

from metier.errors import MetierError
from metier.testing import FileFault, faulty_files

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


def copied(folder: Path, name: str) -> Path:
    """The old state, with the models beside it: a child without memory cannot make them."""
    parents = folder / "old parents"
    if parents.exists():
        shutil.copytree(parents, folder / f"{name} parents")
    return Path(shutil.copytree(folder / "old", folder / name))


def main(name: str, how: str, folder: str) -> None:
    """Print the folder of each process when it has ended."""
    break_off = killed if how == "killed" else out_of_memory
    for mine in break_off(BY_NAME[name], Path(folder)):
        print(mine, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
