"""Locks between processes, and whose folders are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from metier.errors import Locked
from metier.settings.files import locked, private_folder

HOLDER = """
import sys
from pathlib import Path
from metier.settings.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def running(program: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, as soon as it has printed its first line."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process
        process.kill()


def is_free(path: Path) -> bool:
    try:
        with locked(path, wait_s=0):
            return True
    except Locked:
        return False


def test_a_lock_that_another_process_holds_is_an_error_after_the_wait(tmp_path: Path) -> None:
    told: list[str] = []
    with running(HOLDER, tmp_path / "lock") as holder:
        with (
            pytest.raises(Locked, match="another process holds the lock") as raised,
            locked(tmp_path / "lock", wait_s=0.2, waiting=lambda: told.append("waiting")),
        ):
            pytest.fail("two hold it")
        assert raised.value.retryable
        assert told == ["waiting"]
        holder.kill()
        holder.wait()
        assert is_free(tmp_path / "lock")


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with running(HOLDER, file) as holder, locked(file, waiting=holder.kill):
        assert not is_free(file)


def test_a_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path / "lock"):
        (tmp_path / "none").read_bytes()
    assert is_free(tmp_path / "lock")


def test_a_lock_file_that_its_holder_removed_locks_nobody_out(tmp_path: Path) -> None:
    with locked(tmp_path / "deep" / "lock"):
        (tmp_path / "deep" / "lock").unlink()
        with locked(tmp_path / "deep" / "lock", wait_s=0):
            assert not is_free(tmp_path / "deep" / "lock")


def test_a_folder_that_was_open_to_all_is_taken_from_them_if_that_is_wished(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir(mode=0o755)
    private_folder(tmp_path / "old")
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o755
    private_folder(tmp_path / "old", tighten=True)
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o700
