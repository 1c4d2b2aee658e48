"""Files and SQLite: a change of what is kept is broken off at every moment there is."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from faults.matrix import Attempt, Row, jumping_clock
from faults.operations import DATABASE, FILES, Operation

from metier.errors import MetierError
from metier.testing import FileFault, full_disk, moments

TESTS = Path(__file__).parent.parent
Check = Callable[[Operation, Path], None]
REASONS = {
    "refused": "nothing is connected to",
    "mute": "only a lock is waited for: tests/settings/test_locks.py",
    "slow": "a disk has no deadline",
    "4xx": "a file has no status",
    "5xx": "a file has no status",
}
# Not read in the matrix when they are damaged.
UNREAD = {
    "merge models": "Ollama reads it; models to merge: tests/merging/test_hostile_files.py",
    "keep what was typed": "what cannot be read is left out: tests/cli/test_chat_history.py",
}


def check_moments(*faults: FileFault) -> Check:
    """Each change of a file fails once; old or new is there then, and the next time it succeeds."""

    def check(operation: Operation, folder: Path) -> None:
        for fault in faults:
            for number, moment in enumerate(moments(folder, fault)):
                mine = prepared(operation, folder / f"{fault} {number}")
                with moment:
                    operation.change(mine)
                check_state(operation, mine)
            assert number > 0, "nothing was there to fail"

    return check


def check_full(operation: Operation, folder: Path) -> None:
    """No file can grow beyond so many bytes, whoever writes."""
    check_moments(FileFault.FULL)(operation, folder)
    for at_bytes in (0, 100, 1000, 4096, 10_000, 30_000, 50_000, 100_000):
        mine = prepared(operation, folder / str(at_bytes))
        with full_disk(at_bytes=at_bytes), suppress(MetierError):
            operation.change(mine)
        check_state(operation, mine)


def check_in_children(how: str) -> Check:
    """Processes of their own are killed, have no memory, or may not write."""

    def check(operation: Operation, folder: Path) -> None:
        prepared(operation, folder / "old")
        command = [sys.executable, "-m", "faults.dying", operation.name, how, str(folder)]
        path = os.pathsep.join((str(TESTS), str(TESTS.parent)))
        own = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        folders = done.stdout.splitlines()
        assert len(folders) > 1
        for mine in folders:
            check_state(operation, Path(mine))

    return check


def both(*checks: Check) -> Check:
    def check(operation: Operation, folder: Path) -> None:
        for each in checks:
            each(operation, folder)

    return check


def check_damage(*damages: Callable[[bytes], bytes]) -> Check:
    """Each of its files is damaged: metier says so, or all that was kept is there.

    What is made anew where needed may be missed without a word; it is made by the next change.
    """

    def check(operation: Operation, folder: Path) -> None:
        kept = prepared(operation, folder / "old")
        for damage, file in itertools.product(damages, list(files_of(kept))):
            mine = folder / f"{damage.__name__} {file.name}"
            shutil.copytree(kept, mine)
            damaged = mine / file.relative_to(kept)
            damaged.write_bytes(damage(damaged.read_bytes()))
            state = state_or_error(operation, mine)
            if state is None and operation.problem is not None:
                assert operation.problem(mine) == "damaged"
            elif not (state is None and operation.may_be_gone):
                assert state in (operation.old, "an error")
            try:
                operation.change(mine)
            except MetierError:
                assert state_or_error(operation, mine) in (operation.old, "an error")
            else:
                after = state_or_error(operation, mine)
                assert after == operation.new or after == state == "an error"

    return check


def state_or_error(operation: Operation, folder: Path) -> object:
    try:
        return operation.read(folder)
    except MetierError as exc:
        return "an error" if str(folder) in exc.message else exc.message


def check_clock(operation: Operation, folder: Path) -> None:
    mine = prepared(operation, folder / "kept")
    with jumping_clock():
        operation.change(mine)
    assert operation.read(mine) == operation.new


def prepared(operation: Operation, folder: Path) -> Path:
    folder.mkdir(parents=True)
    operation.prepare(folder)
    assert operation.read(folder) == operation.old
    return folder


def check_state(operation: Operation, folder: Path) -> None:
    state = operation.read(folder)
    assert state in operation.states
    if state == operation.old:
        operation.change(folder)
        assert operation.read(folder) == operation.new
    scratch = [file.name for file in folder.rglob("*.tmp")]
    assert state != operation.old or scratch == []


def files_of(folder: Path) -> Iterator[Path]:
    # A lock has no content, and the log of SQLite is gone when a store is closed.
    return (each for each in folder.rglob("*") if each.is_file() and each.stat().st_size)


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def garbage(data: bytes) -> bytes:
    return bytes(itertools.islice(itertools.cycle(b"\xff\x00{]\x1b"), len(data)))


def middle(data: bytes) -> bytes:
    """As where a disk lost some blocks: the beginning and the end are what they were."""
    third = len(data) // 3
    return data[:third] + garbage(data[third:-third]) + data[-third:]


def wrong(data: bytes) -> bytes:
    """JSON of another shape; what is not JSON becomes some."""
    return json.dumps([[1, 2], {"a": None}]).encode()


def attempts(operation: Operation) -> Iterator[tuple[str, tuple[str, Attempt]]]:
    def tried(expected: str, check: Check) -> tuple[str, Attempt]:
        return expected, partial(check, operation)

    kept = "the old state or the new one, and the next change succeeds"
    yield "disk full", tried(kept, check_full)
    read_only = check_moments(FileFault.READ_ONLY)
    denied = check_moments(FileFault.DENIED, FileFault.BROKEN)
    if operation in DATABASE:
        # SQLite opens its files by itself.
        read_only = both(read_only, check_in_children("read-only"))
        denied = both(denied, check_in_children("permission"))
    yield "read-only", tried(kept, read_only)
    yield "permission", tried(kept, denied)
    yield "interrupted", tried(kept, check_moments(FileFault.INTERRUPTED))
    yield "killed", tried(kept, check_in_children("killed"))
    yield "out of memory", tried(kept, check_in_children("out of memory"))
    yield "clock jumps", tried("the new state", check_clock)
    if operation.name not in UNREAD:
        named = "all of it is there, or an error names it"
        yield "cut", tried(named, check_damage(half))
        yield "garbage", tried(named, check_damage(garbage, middle))
        yield "wrong JSON", tried(named, check_damage(wrong))


def rows(kind: str, operations: tuple[Operation, ...]) -> Iterator[Row]:
    for each in operations:
        tried = dict(attempts(each))
        unread = dict.fromkeys(("cut", "garbage", "wrong JSON"), UNREAD.get(each.name, ""))
        reasons = REASONS | {name: why for name, why in unread.items() if name not in tried}
        yield Row(kind=kind, call=each.name, attempts=tried, reasons=reasons)


ROWS = [*rows("files", FILES), *rows("SQLite", DATABASE)]
