"""`scripts/get-ollama`: what it finds, in which order, and what it says."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from script_files import SCRIPTS, loaded

from metier.models import local
from metier.settings import Settings

SCRIPT = SCRIPTS / "get-ollama"


@pytest.fixture
def script() -> ModuleType:
    return loaded("get-ollama")


def program(path: Path, *, works: bool = True) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {0 if works else 1}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def run(tmp_path: Path, *, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    own = {"PATH": path, "METIER_CACHE_DIR": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    return subprocess.run(
        [sys.executable, str(SCRIPT)], env=own, capture_output=True, text=True, check=False
    )


def test_the_program_on_path_is_taken_first(tmp_path: Path) -> None:
    found = program(tmp_path / "bin" / "ollama")
    program(tmp_path / "cache" / "ollama" / "bin" / "ollama")
    done = run(tmp_path, path=f"{found.parent}:/usr/bin:/bin")
    assert (done.stdout.strip(), done.stderr) == (str(found), "")


def test_the_one_in_the_cache_is_taken_where_path_has_none(tmp_path: Path) -> None:
    kept = program(tmp_path / "cache" / "ollama" / "bin" / "ollama")
    assert run(tmp_path).stdout.strip() == str(kept)


def test_both_look_in_the_same_cache(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METIER_CACHE_DIR")
    monkeypatch.setenv("PATH", "/nowhere")
    folder = script.cache_folder()
    assert folder == Settings.load(file=Path(os.devnull)).cache_dir


def test_metier_finds_what_the_script_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = program(tmp_path / "cache" / "ollama" / "bin" / "ollama")
    monkeypatch.setenv("PATH", "/nowhere")
    assert local.ollama_program(Settings.load()) == kept


def test_a_platform_without_an_archive_is_said(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(script.CannotGet, match="riscv64"):
        script.release_archive()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_an_archive_with_another_hash_is_not_kept(
    machine: str, script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(script, "fetch", lambda url, to: to.write_text(url))
    with pytest.raises(script.CannotGet, match="does not match its SHA-256"):
        script.from_release(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("expected", [True, False])
def test_sources_with_another_hash_are_not_built(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: bool
) -> None:
    told = {"Dir": str(tmp_path), "Sum": script.MODULE_SUM if expected else "h1:other="}
    go = program(tmp_path / "bin" / "go")
    go.write_text(f"#!/bin/sh\necho '{json.dumps(told)}'\n")
    monkeypatch.setenv("PATH", f"{go.parent}:/usr/bin:/bin")
    if expected:
        assert script.module_sources() == tmp_path
        return
    with pytest.raises(script.CannotGet, match="does not match its hash"):
        script.module_sources()


def test_a_program_that_does_not_run_is_not_taken(script: ModuleType, tmp_path: Path) -> None:
    assert not script.works(program(tmp_path / "ollama", works=False))
    assert not script.works(tmp_path / "missing")


@pytest.mark.parametrize(("known", "flags"), [(True, 3), (False, 0)])
def test_amx_is_turned_off_only_if_the_compiler_knows_the_flags(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool, flags: int
) -> None:
    program(tmp_path / "bin" / "gcc", works=known)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert len(script.without_amx().split()) == flags
