"""`metier knowledge`: what people type and see."""

from __future__ import annotations

import json
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
    assert done.exit_code == 0
    assert done.stdout == ""
    assert f"{guides}: 2 added, 1 skipped" in done.stderr
    assert f"skipped {guides / 'broken.pdf'}: it is damaged" in done.stderr
    assert "medical has 2 documents in 2 chunks now" in done.stderr
    again = run("add", "medical", str(guides))
    assert f"{guides}: 2 unchanged, 1 skipped" in again.stderr


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
    assert run("add", "medical", str(guides)).exit_code == 0


def test_documents_of_an_expert_that_is_gone_can_be_removed(
    guides: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("add", "medical", str(guides))
    embedder = FixedEmbedder()
    nobody = Council.of([], settings=Settings.load(), embedder=embedder)
    monkeypatch.setattr(Council, "from_installed", lambda settings: nobody)
    assert run("remove", "medical", "--all").exit_code == 0
