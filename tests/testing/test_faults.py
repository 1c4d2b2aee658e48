"""Servers and disks that fail where a test wants it."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from metier.errors import MetierError, ModelServerFailed, StreamInterrupted
from metier.models.server import ChatRequest, ModelServer
from metier.plan import Message
from metier.settings.files import replace_file
from metier.testing import (
    Fault,
    FaultyModels,
    FileFault,
    ScriptedModels,
    faulty_files,
    full_disk,
    moments,
    sprinkled,
)

pytestmark = pytest.mark.anyio


async def said(models: ModelServer) -> str:
    request = ChatRequest(model="small", messages=(Message(role="user", content="Hello"),))
    return "".join([chunk.text async for chunk in models.chat(request)])


async def test_a_call_fails_in_its_turn_and_the_next_goes_well() -> None:
    models = FaultyModels(ScriptedModels({"small": ["one", "two three"]}), {"chat": [Fault.CUT]})
    with pytest.raises(StreamInterrupted):
        await said(models)
    assert await said(models) == "two three"
    assert models.injected == [("chat", Fault.CUT)]


@pytest.mark.parametrize("fault", sorted({*Fault} - {Fault.SILENT, Fault.GARBAGE, Fault.EMPTY}))
async def test_each_fault_is_an_error_of_ours_unless_it_is_foreign(fault: Fault) -> None:
    models = FaultyModels(ScriptedModels({"small": ["Hello."]}), {"chat": [fault]})
    with pytest.raises(ZeroDivisionError if fault is Fault.FOREIGN else MetierError):
        await said(models)


async def test_a_silent_server_never_answers() -> None:
    models = FaultyModels(ScriptedModels({"small": ["Hello."]}), {"chat": [Fault.SILENT]})
    with anyio.move_on_after(0.01) as scope:
        await said(models)
    assert scope.cancelled_caught


async def test_every_method_can_fail() -> None:
    calls = ("embed", "list", "show", "loaded", "pull", "load", "version", "generate")
    models = FaultyModels(ScriptedModels(), {call: [Fault.FAILED] for call in calls})
    for call in (models.list(), models.loaded(), models.version(), models.show("m")):
        with pytest.raises(ModelServerFailed):
            await call
    for call in (models.embed("m", ["a"]), models.load("m"), anext(models.pull("m"))):
        with pytest.raises(ModelServerFailed):
            await call


async def test_the_same_seed_sprinkles_the_same_faults() -> None:
    first, second = (sprinkled(0.5, seed=3, among=list(Fault)) for _ in range(2))
    chosen = [first("chat") for _ in range(40)]
    assert chosen == [second("chat") for _ in range(40)]
    assert None in chosen
    assert any(chosen)
    assert first("list") is None


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (FileFault.FULL, "No space left"),
        (FileFault.READ_ONLY, "Read-only"),
        (FileFault.DENIED, "Permission denied"),
        (FileFault.BROKEN, "Input/output error"),
    ],
)
def test_a_file_below_the_folder_fails_and_no_other(
    fault: FileFault, words: str, tmp_path: Path
) -> None:
    inside, beside = tmp_path / "kept" / "file", tmp_path / "kept beside"
    inside.parent.mkdir()
    with faulty_files(inside.parent, fault) as disk:
        beside.write_text("text")
        with pytest.raises(OSError, match=words):
            inside.write_text("text")
    assert disk.failed
    inside.write_text("text")


def test_every_moment_of_an_operation_fails_once_and_the_last_one_succeeds(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    seen: list[bytes] = []
    for moment in moments(tmp_path, FileFault.FULL):
        file.write_bytes(b"old")
        with moment:
            replace_file(file, b"new")
        seen.append(file.read_bytes())
    assert len(seen) > 2
    assert seen == [b"old"] * (len(seen) - 1) + [b"new"]


def test_an_error_that_is_nobody_s_fault_goes_on(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), next(moments(tmp_path, FileFault.FULL)):
        raise ZeroDivisionError


def test_a_full_disk_takes_not_one_byte_more(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with full_disk(at_bytes=3), pytest.raises(OSError, match="too large"):
        file.write_bytes(b"1234")
    assert file.stat().st_size == 3
