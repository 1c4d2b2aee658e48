"""Files of others: what is no ordinary file, or too large, is refused before it is read."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from metier.settings.reading import parsed_toml, read_bytes, read_text


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def socket_file(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


KINDS = [pipe, link_to_a_device, socket_file, Path.mkdir]


@pytest.mark.parametrize("make", KINDS)
def test_only_an_ordinary_file_is_read(make: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "file"
    make(path)
    with pytest.raises(OSError, match=r"ordinary file|directory|No such device|not supported"):
        read_bytes(path)


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to("file")
    assert read_bytes(tmp_path / "link") == b"text"


def test_the_null_device_is_empty() -> None:
    assert read_bytes(Path(os.devnull)) == b""


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * (1 << 20))
    assert len(read_bytes(file, max_bytes=1 << 20)) == 1 << 20
    with pytest.raises(OSError, match="it is larger than 0 MiB"):
        read_bytes(file, max_bytes=(1 << 20) - 1)


def test_what_a_shell_opened_may_be_a_pipe() -> None:
    read, write = os.pipe()
    code = (
        "import sys, pathlib, metier.settings.reading as reading\n"
        f"print(reading.read_text(pathlib.Path('/dev/fd/{read}'), max_bytes=9))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], pass_fds=[read], stdout=subprocess.PIPE, text=True
    ) as process:
        os.close(read)
        # It waits for what is written later.
        os.write(write, b"a ")
        os.write(write, b"text")
        os.close(write)
        said, _ = process.communicate()
    assert said == "a text\n"


def test_a_pipe_is_read_up_to_the_limit_too() -> None:
    read, write = os.pipe()
    writer = threading.Thread(target=os.write, args=(write, b"x" * 9))
    writer.start()
    with pytest.raises(OSError, match="larger"):
        read_bytes(Path(f"/dev/fd/{read}"), max_bytes=8)
    writer.join()
    os.close(read)
    os.close(write)


def test_text_has_newlines_and_no_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes("\ufeffa\r\nb\rc".encode())
    assert read_text(file) == "a\nb\nc"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a." * 60_000 + "a = 1", "a key of more than 32 parts (at line 1)"),
        ("x = 1\n[" + "'a' . " * 60_000 + "a]", "a key of more than 32 parts (at line 2)"),
        ("a = " + "[" * 100_000, "it is nested too deeply"),
        ("a = {b = [0x" + "f" * 10_000 + "]}", "a number of more than 4300 digits"),
        ("a = " + "9" * 10_000, "4300"),
    ],
    ids=["dotted", "heading", "nested", "hexadecimal", "decimal"],
)
def test_toml_that_is_made_to_take_for_ever_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parsed_toml(text)


def test_dots_in_texts_are_no_key() -> None:
    prompt = f"{'.' * 100} {'1.' * 20} {'a. b ' * 100}"
    assert parsed_toml(f"prompt = '{prompt}'") == {"prompt": prompt}
