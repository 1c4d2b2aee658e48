"""Files that somebody hands over to harm: no command hangs, crashes, or stops because of one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HUGE = f"0x{'f' * 20_000}"
NESTED = f"{{a = {'{a=' * 90}1{'}' * 90}}}"
LONG_KEY = f"{'a.' * 60_000}a = 1"
HEAD = "api = 1\n[expert]\nid = 'tea'\ndescription = 'd'\n"
CAPABILITY = "[[capability]]\nname = 'brew'\ndescription = 'd'\n"


def text(content: str) -> Callable[[Path], object]:
    return lambda file: file.write_text(content)


def device(file: Path) -> None:
    file.symlink_to("/dev/zero")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own; hanging fails."""
    return subprocess.run(
        [sys.executable, "-m", "metier", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=100,
    )


CARDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a version of thousands of digits": (text(f"api = {HUGE}"), "more than 4300 digits"),
    "a number of thousands of digits": (
        text(f"{HEAD}max_tokens = {HUGE}\n{CAPABILITY}"),
        "more than 4300 digits",
    ),
    "a version that is a table": (text(f"api = {NESTED}"), "reads api = 1"),
    "a key of thousands of parts": (text(LONG_KEY), "a key of more than 32 parts"),
    "an unknown key of a megabyte": (
        text(f"{HEAD}{'k' * 900_000} = 1\n{CAPABILITY}"),
        "unknown key 'kkk",
    ),
    "20,000 capabilities of one name": (
        text(f"{HEAD}{CAPABILITY * 20_000}"),
        "two capabilities are called 'brew'",
    ),
    "a pipe": (os.mkfifo, "it is not an ordinary file"),
    "a link to a device": (device, "it is not an ordinary file"),
    "a folder": (Path.mkdir, "does not exist"),
}


@pytest.mark.parametrize("kind", CARDS)
def test_a_bad_card_is_listed_and_the_others_are_there(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, reason = CARDS[kind]
    (tmp_path / "bad").mkdir()
    make(tmp_path / "bad" / "domain.toml")
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "domain.toml").write_text(HEAD + CAPABILITY)
    monkeypatch.setenv("METIER_DOMAINS", str(tmp_path))
    done = run("experts", "list")
    assert (done.returncode, "tea" in done.stdout) == (0, True)
    assert "skipped bad" in done.stderr
    assert reason in done.stderr
    assert len(done.stderr) < 1000


SETTINGS = {
    "a number of thousands of digits": text(f"seed = {HUGE}"),
    "a table for a number": text(f"seed = {NESTED}"),
    "a key of thousands of parts": text(LONG_KEY),
    "a pipe": os.mkfifo,
    "a link to a device": device,
    "a folder": Path.mkdir,
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_bad_settings_are_an_error_that_names_them(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    SETTINGS[kind](file)
    monkeypatch.setenv("METIER_CONFIG", str(file))
    done = run("config", "get")
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {file}")
    assert len(done.stderr) < 500


@pytest.mark.parametrize("make", [os.mkfifo, device])
@pytest.mark.parametrize(
    "command",
    [
        ("run",),
        ("ask", "hello", "-f"),
        ("evaluate", "routing", "--data"),
        ("evaluate", "plans", "--data"),
    ],
    ids=" ".join,
)
def test_a_pipe_or_a_device_is_not_waited_for(
    command: tuple[str, ...], make: Callable[[Path], object], tmp_path: Path
) -> None:
    file = tmp_path / "file"
    make(file)
    done = run(*command, str(file))
    assert done.returncode == 2
    assert f"{file} cannot be read: it is not an ordinary file" in done.stderr


def test_a_plan_nested_without_end_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "plans.jsonl"
    file.write_text('{"request": ' + "[" * 200_000)
    done = run("evaluate", "plans", "--data", str(file))
    assert done.returncode == 2
    assert f"{file}:1: Invalid JSON: recursion limit exceeded" in done.stderr


def test_a_folder_of_domains_that_cannot_be_is_listed_and_the_others_are_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    monkeypatch.setenv("METIER_DOMAINS", os.pathsep.join([f"/{'n' * 5000}", str(loop)]))
    done = run("experts", "list")
    assert done.returncode == 0
    assert "math" in done.stdout
    assert "cannot be read: File name too long" in done.stderr


@pytest.mark.parametrize(
    "command",
    [("experts", "check"), ("evaluate", "routing", "--expert")],
)
def test_a_name_that_is_too_long_is_an_error(command: tuple[str, ...]) -> None:
    done = run(*command, "n" * 5000)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("Error: ")
    assert "file name too long" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_disk_that_is_full_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "metier", "config", "get"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "Error: no space left on device\n")
