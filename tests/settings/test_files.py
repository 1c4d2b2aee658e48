"""Metier's own files: replaced as a whole, private, locked, and cleaned up."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from metier.settings.files import (
    locked,
    private_folder,
    remove_leftovers,
    replace_file,
    replacing,
    temporary_folder,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def killed(program: str, folder: Path) -> None:
    """Run a program that kills itself in `folder`."""
    start = "import os, signal; from pathlib import Path; from metier.settings.files import *\n"
    kill = "os.kill(os.getpid(), signal.SIGKILL)"
    code = start + program.replace("DIE", kill)
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, check=False)
    assert done.returncode == -signal.SIGKILL


HALF = "with replacing(Path('kept.json')) as file:\n    file.write(b'secret')\n    DIE"
BEGUN = "with temporary_folder(Path(), 'work-') as folder:\n    (folder / 'text').touch()\n    DIE"


def test_a_file_is_replaced_and_is_its_owner_s(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    file.write_bytes(b"old")
    file.chmod(0o644)
    replace_file(file, b"new")
    assert (file.read_bytes(), mode(file)) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [file]


def test_the_old_file_stays_if_the_new_one_fails(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    file.write_bytes(b"old")
    with pytest.raises(TypeError), replacing(file) as new:
        new.writelines([b"half", None])  # pyrefly: ignore[bad-argument-type]
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(("program", "pattern"), [(HALF, ".*.tmp"), (BEGUN, ".work-*.tmp")])
def test_what_a_killed_process_left_is_removed(program: str, pattern: str, tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_bytes(b"old")
    killed(program, tmp_path)
    assert len(list(tmp_path.glob(pattern))) == 1
    remove_leftovers(tmp_path, pattern)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.json"]
    assert (tmp_path / "kept.json").read_bytes() == b"old"


def test_the_next_temporary_folder_removes_that_of_a_killed_process(tmp_path: Path) -> None:
    killed(BEGUN, tmp_path)
    with temporary_folder(tmp_path, "work-") as mine:
        assert list(tmp_path.iterdir()) == [mine]
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_use_is_no_leftover(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    with replacing(file) as new, temporary_folder(tmp_path, "work-") as folder:
        remove_leftovers(tmp_path)
        assert folder.is_dir()
        new.write(b"new")
    assert file.read_bytes() == b"new"


def test_files_can_be_replaced_while_others_look_for_leftovers(tmp_path: Path) -> None:
    def work(number: int) -> None:
        for _ in range(50):
            replace_file(tmp_path / f"{number}", b"text")
            remove_leftovers(tmp_path)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1", "2", "3"}


def test_a_link_is_no_leftover_and_neither_is_what_it_leads_to(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("text")
    (tmp_path / ".link.tmp").symlink_to(mine)
    remove_leftovers(tmp_path)
    assert mine.exists()


def test_folders_that_are_made_are_their_owner_s_and_others_stay_as_they_are(
    tmp_path: Path,
) -> None:
    (tmp_path / "shared").mkdir(mode=0o755)
    private_folder(tmp_path / "shared" / "a" / "b")
    folders = [tmp_path / "shared" / name for name in (".", "a", "a/b")]
    assert [mode(folder) for folder in folders] == [0o755, 0o700, 0o700]


def test_a_lock_keeps_the_others_waiting(tmp_path: Path) -> None:
    counter = tmp_path / "new" / "counter"

    def count(_: int) -> None:
        with locked(tmp_path / "new" / "lock"):
            now = int(counter.read_text()) if counter.exists() else 0
            replace_file(counter, b"%d" % (now + 1))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count, range(40)))
    assert counter.read_text() == "40"


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    killed("with locked(Path('file')):\n    DIE", tmp_path)
    with locked(tmp_path / "file", wait_s=0):
        pass
