"""What `write_setting` leaves in the file."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.errors import InvalidSettings
from metier.settings import Settings, write_setting


def read(file: Path) -> Settings:
    return Settings.load(file=file, environment={})


def test_writing_one_setting_keeps_the_others(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('seed = 7\ndomains = ["/a", "/b"]\nautostart = false\n')
    write_setting(file, "num_ctx", "2048")
    written = read(file)
    assert (written.seed, written.autostart, written.num_ctx) == (7, False, 2048)
    assert written.domains[:-1] == (Path("/a"), Path("/b"))


def test_writing_a_setting_again_replaces_its_value(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    write_setting(file, "seed", "1")
    write_setting(file, "seed", "2")
    assert file.read_text() == "seed = 2\n"


def test_the_user_s_own_domains_are_not_written(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    write_setting(file, "domains", "/a")
    write_setting(file, "seed", "1")
    assert file.read_text() == 'domains = ["/a"]\nseed = 1\n'


def test_the_file_is_made_with_its_folders(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "config.toml"
    assert write_setting(file, "seed", "1").seed == read(file).seed == 1


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("host", "0.0.0.0:12345", "http://127.0.0.1:12345"),
        ("timeout_s", "1e22", 1e22),
        ("timeout_s", "inf", float("inf")),
        ("autostart", "no", False),
        ("cache_dir", '/tmp/a "quoted" folder', Path('/tmp/a "quoted" folder')),
        ("embedder", "sentence-transformers", "sentence-transformers"),
    ],
)
def test_a_written_value_is_read_back(
    tmp_path: Path, name: str, value: str, expected: object
) -> None:
    file = tmp_path / "config.toml"
    write_setting(file, name, value)
    assert getattr(read(file), name) == expected


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_back(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.toml"
        write_setting(file, "model", text)
        assert read(file).model == text


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("num_ctxx", "1024", "'num_ctxx', which does not exist (nearest: 'num_ctx')"),
        ("num_ctx", "many", "num_ctx to 'many'"),
        ("num_ctx", "7", "num_ctx to '7'"),
        ("embedder", "word2vec", "embedder to 'word2vec'"),
        # Names of parameters inside metier are no settings either.
        ("file", "x", "'file', which does not exist"),
        ("environment", "x", "'environment', which does not exist"),
        ("cls", "x", "'cls', which does not exist"),
    ],
)
def test_what_cannot_be_set_is_refused(tmp_path: Path, name: str, value: str, words: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text("seed = 7\n")
    with pytest.raises(InvalidSettings) as caught:
        write_setting(file, name, value)
    assert words in str(caught.value)
    assert file.read_text() == "seed = 7\n"


@pytest.mark.parametrize("content", ["sed = 7\n", 'seed = "many"\n', "file = 7\n", "seed = \n"])
def test_a_file_that_is_wrong_already_is_named_and_left_as_it_is(
    tmp_path: Path, content: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(content)
    with pytest.raises(InvalidSettings, match=r"config\.toml"):
        write_setting(file, "num_ctx", "2048")
    assert file.read_text() == content


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InvalidSettings, match="cannot be written") as caught:
        write_setting(tmp_path / "file" / "config.toml", "seed", "1")
    assert "METIER_CONFIG" in caught.value.hint


def test_a_disk_that_is_full_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("seed = 7\n")
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    code = f"{full}\nfrom metier.cli import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code, "config", "set", "num_ctx", "2048"],
        env=os.environ | {"METIER_CONFIG": str(file)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, file.read_text()) == (2, "seed = 7\n")
    assert f"{file} cannot be written: File too large" in done.stderr


def test_settings_that_are_written_at_once_are_all_kept(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    numbers = ["num_ctx", "max_calls", "concurrency", "seed", "timeout_s", "token_timeout_s"]
    together = Barrier(len(numbers))

    def write(name: str) -> None:
        together.wait()
        write_setting(file, name, "300")

    with ThreadPoolExecutor(len(numbers)) as threads:
        list(threads.map(write, numbers))
    written = read(file)
    assert [getattr(written, name) for name in numbers] == [300] * len(numbers)


def test_the_file_and_its_folder_are_their_owner_s(tmp_path: Path) -> None:
    file = tmp_path / "config" / "config.toml"
    write_setting(file, "seed", "1")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent)]
    assert modes == [0o600, 0o700]


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    link.symlink_to(file)
    write_setting(link, "seed", "1")
    assert link.is_symlink()
    assert file.read_text() == "seed = 1\n"


@pytest.mark.parametrize("kind", ["a pipe", "the null device"])
def test_only_an_ordinary_file_is_replaced(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    if kind == "a pipe":
        os.mkfifo(file)
    else:
        file.symlink_to(os.devnull)
    with pytest.raises(InvalidSettings, match="not an ordinary file"):
        write_setting(file, "seed", "1")
    assert file.is_fifo() or Path(os.devnull).is_char_device()


def test_writing_a_setting_writes_old_names_anew(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("parallel = 4\n")
    with pytest.warns(FutureWarning, match="'parallel' is called 'concurrency'"):
        write_setting(file, "seed", "7")
    assert file.read_text() == "concurrency = 4\nseed = 7\n"
