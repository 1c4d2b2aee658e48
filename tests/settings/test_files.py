"""Files that are whole whenever somebody reads them, and locks between processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from metier.errors import Locked
from metier.settings.files import locked, private_folder, remove_scratch, replace_file

HOLDER = """
import sys
from pathlib import Path
from metier.settings.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
WRITER = """
import sys
from pathlib import Path
from metier.settings.files import replacing
with replacing(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("half", flush=True)
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


def test_a_file_is_replaced_as_a_whole_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_text("old")
    file.chmod(0o644)
    replace_file(file, b"new")
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    file, other = tmp_path / "file.json", tmp_path / "file.json.backup"
    replace_file(file, b"old")
    other.write_text("somebody's")
    with running(WRITER, file) as writer:
        writer.kill()
    (tmp_path / "file.jsonab_c12xy").write_text("as it was named before")
    assert len(list(tmp_path.iterdir())) == 4
    remove_scratch(tmp_path, "file.json")
    assert sorted(tmp_path.iterdir()) == [file, other]
    assert file.read_bytes() == b"old"


def test_a_private_folder_is_its_owners_also_if_it_was_open_to_all(tmp_path: Path) -> None:
    private_folder(tmp_path / "new" / "inner")
    (tmp_path / "old").mkdir(mode=0o755)
    private_folder(tmp_path / "old")
    for name in ("new/inner", "old"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o700
