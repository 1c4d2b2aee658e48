"""What was asked and given leaves no trace once it is deleted as the documentation says."""

from __future__ import annotations

import re
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_ollama import fake_ollama
from planning.learning.test_artefacts import LENGTHS
from ports import free_port
from small_models import model

from metier import Council, Settings
from metier.cli.chat.history import InputHistory
from metier.cli.main import cli
from metier.errors import ModelServerUnreachable
from metier.merging.report import MergeReport, keep, report_file
from metier.models import local
from metier.testing import FixedEmbedder

MODEL = "qwen2.5-coder:1.5b"
# Each text that a person gives has a word of its own.
QUESTION, DOCUMENT, NOTE, KNOWLEDGE, REPLY, TYPED = (
    *("quokkaasked", "quokkagiven", "quokkanoted", "quokkaknown", "quokkareplied", "quokkatyped"),
)
LEARNT, MERGED, LOGGED = "quokkalearnt", "quokkamerged", "quokkalogged"


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    models = ["all-minilm:latest", MODEL]
    with fake_ollama(FixedEmbedder(), models=models, reply=f"It is {REPLY}.") as serving:
        monkeypatch.setenv("OLLAMA_HOST", serving.host)
        yield


def metier(*arguments: str) -> None:
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, (done.output, done.exception)


def use_all(folder: Path) -> None:
    """Everything of a person's own that metier keeps."""
    (folder / "given.txt").write_text(f"The {DOCUMENT} sleeps.")
    (folder / "guide.md").write_text(f"# Guide\n\nThe {KNOWLEDGE} sleeps.")
    metier("ask", "-m", MODEL, "-f", str(folder / "given.txt"), f"Does the {QUESTION} sleep?")
    metier("rate", "last", "good", "--note", f"The {NOTE} likes it.")
    metier("knowledge", "add", "medical", str(folder / "guide.md"))
    InputHistory(Settings.load().state_dir / "chat-history.jsonl").add(TYPED)


def do_the_rest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs no question: a lesson, a merge, and an Ollama that does not start."""
    with Council.from_installed() as council:
        council.planning.artefacts.save(replace(LENGTHS, unit=LEARNT))
    parents = [model(folder / f"{n}.gguf", n) for n in range(2)]
    metier("merge", *parents, "-o", str(folder / "merged.gguf"))
    # Of a model in Ollama the report is among metier's own files.
    made = MergeReport.model_validate_json((folder / "merged.json").read_bytes())
    of_model = made.model_copy(update={"model": MERGED})
    keep(of_model, report_file(Settings.load(), of_model))
    program = folder / "ollama"
    program.write_text(f"#!/bin/sh\necho {LOGGED}; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(local, "ollama_program", lambda _: str(program))
    settings = Settings.load().model_copy(update={"host": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(ModelServerUnreachable):
        local.start(settings)


def files_of_state() -> set[Path]:
    """All files of metier's that hold anything."""
    settings = Settings.load()
    files = [*settings.state_dir.rglob("*"), *settings.cache_dir.rglob("*")]
    return {file for file in files if file.is_file() and file.stat().st_size}


def kept() -> set[str]:
    """The words that are in a file of metier's, as they are or packed."""
    data = [file.read_bytes() for file in files_of_state()]
    texts = b"\n".join([*data, *(text for each in data for text in unpacked(each))])
    return {word.decode() for word in re.findall(rb"quokka[a-z]{5,7}", texts)}


def unpacked(data: bytes) -> Iterator[bytes]:
    """What zlib packed, wherever it begins; of a text that is cut, what comes before."""
    for found in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        reader, text = zlib.decompressobj(), b""
        for byte in range(found.start(), len(data), 64):
            try:
                text += reader.decompress(data[byte : byte + 64])
            except zlib.error:
                break
            if reader.eof:
                break
        yield text


def test_all_of_it_is_kept_until_it_is_deleted(tmp_path: Path) -> None:
    use_all(tmp_path)
    assert kept() == {QUESTION, DOCUMENT, NOTE, KNOWLEDGE, REPLY, TYPED}


def test_nothing_of_it_is_left_in_any_file_after_it_was_deleted(tmp_path: Path) -> None:
    use_all(tmp_path)
    metier("runs", "delete", "--all", "--yes")
    metier("knowledge", "remove", "medical", "--all")
    assert kept() == {TYPED}
    (Settings.load().state_dir / "chat-history.jsonl").unlink()
    assert kept() == set()


def test_what_was_learnt_merged_and_logged_is_deleted_as_documented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_all(tmp_path)
    before = files_of_state()
    do_the_rest(tmp_path, monkeypatch)
    assert {LEARNT, MERGED, LOGGED} <= kept()
    metier("learn", "remove", LENGTHS.name)
    state = Settings.load().state_dir
    shutil.rmtree(state / "merges")
    (state / "ollama.log").unlink()
    assert files_of_state() <= before
    assert kept().isdisjoint({LEARNT, MERGED, LOGGED})


def test_one_run_is_deleted_from_among_others(tmp_path: Path) -> None:
    use_all(tmp_path)
    metier("ask", "-m", MODEL, "Does the quokkaother sleep?")
    metier("runs", "delete", "last")
    assert "quokkaother" not in kept()
    assert QUESTION in kept()


def test_one_document_is_removed_from_among_others(tmp_path: Path) -> None:
    use_all(tmp_path)
    (tmp_path / "second.md").write_text("# Second\n\nThe quokkaother sleeps.")
    metier("knowledge", "add", "medical", str(tmp_path / "second.md"))
    metier("knowledge", "remove", "medical", "second.md")
    assert "quokkaother" not in kept()
    assert KNOWLEDGE in kept()
