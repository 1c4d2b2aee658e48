"""`metier knowledge`: what people type and see."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import termios
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pdfs import pdf

from metier import Card, Council, Expert, Settings
from metier.cli.main import cli
from metier.testing import FixedEmbedder, ScriptedModels


@pytest.fixture(autouse=True)
def council_without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(id="medical", description="medicine", models=("small",))

    def of(settings: Settings) -> Council:
        return Council.of(
            [Expert(card)],
            settings=settings,
            server=ScriptedModels({"small": []}),
            embedder=FixedEmbedder(),
        )

    monkeypatch.setattr(Council, "from_installed", of)


@pytest.fixture
def guides(tmp_path: Path) -> Path:
    folder = tmp_path / "guides"
    folder.mkdir()
    (folder / "warfarin.md").write_text("# Warfarin\n\nNever together with aspirin.\n")
    (folder / "fever.pdf").write_bytes(pdf(["Above forty degrees", "call a doctor."]))
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["knowledge", *arguments], prog_name="metier")


@pytest.mark.parametrize("command", [(), ("add",), ("list",), ("remove",), ("search",)])
def test_every_command_has_a_short_help_with_an_example(command: tuple[str, ...]) -> None:
    done = run(*command, "-h")
    assert done.exit_code == 0
    assert "Example: metier knowledge" in done.stdout


def test_adding_says_what_was_added_and_what_was_skipped_and_why(guides: Path) -> None:
    done = run("add", "medical", str(guides))
    assert done.exit_code == 3
    assert done.stdout == ""
    assert f"{guides}: 2 added, 1 skipped" in done.stderr
    assert f"skipped {guides / 'broken.pdf'}: it is damaged" in done.stderr
    assert "medical now has 2 documents in 2 chunks" in done.stderr
    again = run("add", "medical", str(guides))
    assert f"{guides}: 2 unchanged, 1 skipped" in again.stderr


def test_files_of_other_kinds_are_no_failure(guides: Path) -> None:
    (guides / "broken.pdf").rename(guides / "photo.jpg")
    done = run("add", "medical", str(guides))
    assert done.exit_code == 0
    assert f"skipped {guides / 'photo.jpg'}: it is neither" in done.stderr


def test_documents_whose_files_are_gone_stay_unless_sync_is_given(guides: Path) -> None:
    run("add", "medical", str(guides))
    (guides / "warfarin.md").unlink()
    again = run("add", "medical", str(guides))
    assert "1 unchanged, 1 gone but kept (--sync removes them), 1 skipped" in again.stderr
    assert "medical now has 2 documents" in again.stderr
    synced = run("add", "medical", str(guides), "--sync")
    assert "1 unchanged, 1 removed, 1 skipped" in synced.stderr
    assert "medical now has 1 documents" in synced.stderr


def test_a_place_with_nothing_to_read_does_not_stop_the_others(guides: Path) -> None:
    done = run("add", "medical", str(guides / "broken.pdf"), "/gone", str(guides / "warfarin.md"))
    assert done.exit_code == 3
    assert "broken.pdf' can be read: broken.pdf: it is damaged" in done.stderr
    assert "there is no file or folder '/gone'" in done.stderr
    assert "medical now has 1 documents" in done.stderr
    listed = json.loads(run("add", "medical", "--json", "/gone", str(guides)).stdout)
    assert [each["place"] for each in listed["refused"]] == ["/gone"]


ADDING = """
import sys
from metier import Card, Council, Expert
from metier.cli.main import cli
from metier.testing import FixedEmbedder, ScriptedModels

class Stopping(FixedEmbedder):
    async def embed(self, texts, *, role="query"):
        if len(self.calls) == 4:
            print("stopped", flush=True)
            await anyio.sleep_forever()
        return await super().embed(texts, role=role)

import anyio
of = Council.of
Council.from_installed = lambda settings: of(
    [Expert(Card(id="medical", description="medicine", models=("small",)))],
    settings=settings, server=ScriptedModels({"small": []}), embedder=Stopping(),
)
cli(["knowledge", "add", "medical", sys.argv[1]], prog_name="metier")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_end_keeps_all_that_was_done(number: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "guides"
    folder.mkdir()
    for count in range(9):
        (folder / f"{count}.md").write_text(f"Text {count}.")
    process = subprocess.Popen(
        [sys.executable, "-c", ADDING, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stopped\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "interrupted\n")
    kept = json.loads(run("list", "--json").stdout)["documents"]
    assert [entry["name"] for entry in kept] == [f"guides/{count}.md" for count in range(4)]


def test_a_terminal_shows_how_far_adding_is(guides: Path) -> None:
    program = ADDING.replace("== 4", "== -1")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 100))
    command = [sys.executable, "-c", program, str(guides)]
    with subprocess.Popen(command, stderr=theirs, env={**os.environ, "TERM": "xterm"}):
        os.close(theirs)
        shown = b"".join(iter(partial(_read, ours), b""))
    os.close(ours)
    assert b"guides/warfarin.md" in shown
    assert b"2/3" in shown
    assert b"medical now has 2 documents" in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # Linux says EIO when the other side is closed
        return b""


def test_adding_is_one_object_where_json_was_asked_for(guides: Path) -> None:
    done = json.loads(run("add", "--json", "medical", str(guides)).stdout)
    assert done["changes"][0]["added"] == ["guides/fever.pdf", "guides/warfarin.md"]
    assert done["changes"][0]["skipped"][0]["reason"].startswith("it is damaged")
    assert done["total"] == {"documents": 2, "chunks": 2}


def test_many_skipped_files_are_told_in_one_line(guides: Path) -> None:
    for number in range(30):
        (guides / f"photo{number:02}.jpg").touch()
    done = run("add", "medical", str(guides))
    assert done.stderr.count("skipped /") == 10
    assert "skipped 21 more: it is neither Markdown nor text nor PDF" in done.stderr


def test_documents_are_listed(guides: Path) -> None:
    run("add", "medical", str(guides))
    shown = run("list").stdout
    assert "medical  guides/warfarin.md  1" in shown
    assert str(guides / "fever.pdf") in shown
    listed = json.loads(run("list", "medical", "--json").stdout)["documents"]
    assert [entry["name"] for entry in listed] == ["guides/fever.pdf", "guides/warfarin.md"]


def test_an_empty_list_says_how_to_add() -> None:
    done = run("list")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "metier knowledge add --help" in done.stderr


def test_searching_shows_passages_with_file_and_place(guides: Path) -> None:
    run("add", "medical", str(guides))
    done = run("search", "medical", "aspirin", "with", "warfarin", "-k", "1")
    assert done.stdout.startswith("1. guides/warfarin.md, Warfarin, lines 1–3  (0.")
    assert "   Never together with aspirin.\n" in done.stdout
    found = json.loads(run("search", "medical", "forty degrees", "--json").stdout)["passages"]
    assert (found[0]["name"], found[0]["place"]) == ("guides/fever.pdf", "page 1")


def test_searching_without_documents_says_how_to_add() -> None:
    done = run("search", "medical", "fever")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "medical has no documents" in done.stderr


def test_documents_are_removed_one_by_one_and_all_at_once(guides: Path) -> None:
    run("add", "medical", str(guides))
    one = run("remove", "medical", "guides/fever.pdf")
    assert "removed from medical: guides/fever.pdf" in one.stderr
    assert (guides / "fever.pdf").exists()
    assert run("remove", "medical", "--all").exit_code == 0
    assert json.loads(run("list", "--json").stdout) == {"documents": []}


@pytest.mark.parametrize("arguments", [(), ("a.md", "--all")])
def test_removing_wants_a_path_or_all(arguments: tuple[str, ...]) -> None:
    done = run("remove", "medical", *arguments)
    assert done.exit_code == 2
    assert "name what to remove: a PATH, or --all" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "medicin", "."), "no expert is called 'medicin' (nearest: 'medical')"),
        (("search", "medicin", "x"), "no expert is called 'medicin' (nearest: 'medical')"),
        (("list", "medicin"), "no expert is called 'medicin' (nearest: 'medical')"),
        (("remove", "medicin", "x"), "no expert is called 'medicin' (nearest: 'medical')"),
        (("add", "medical", "/no/such/folder"), "there is no file or folder '/no/such/folder'"),
        (("remove", "medical", "x.md"), "no document is called 'x.md'"),
    ],
)
def test_what_is_not_there_is_a_usage_error(arguments: tuple[str, ...], message: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_folder_with_nothing_readable_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    done = run("add", "medical", str(tmp_path))
    assert done.exit_code == 2
    assert "can be read: photo.jpg: it is neither Markdown nor text nor PDF" in done.stderr


def test_damaged_documents_can_be_removed_as_the_error_says(guides: Path, tmp_path: Path) -> None:
    run("add", "medical", str(guides))
    (tmp_path / "state" / "knowledge" / "medical" / "knowledge.json").write_text("{")
    done = run("list")
    assert done.exit_code == 1
    assert "metier knowledge remove medical --all" in done.stderr
    assert run("remove", "medical", "--all").exit_code == 0
    assert "2 added" in run("add", "medical", str(guides)).stderr


def test_documents_of_an_expert_that_is_gone_can_be_removed(
    guides: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("add", "medical", str(guides))
    embedder = FixedEmbedder()
    nobody = Council.of([], settings=Settings.load(), embedder=embedder)
    monkeypatch.setattr(Council, "from_installed", lambda settings: nobody)
    assert run("remove", "medical", "--all").exit_code == 0
