"""The guard of stdout and stderr: what passes it, what does not, and that nothing goes round it."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import cast

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import BarColumn
from small_models import model
from terminals import on_terminal, terminal

from metier import cli as package
from metier.cli.consoles import progress
from metier.cli.tables import Sheet, show
from metier.cli.terminal import Guarded, bare_stdout, cleaned, guarded
from metier.cli.text import as_json

TITLE = "\x1b]0;title\x07"


def logged(text: str) -> None:
    logger = logging.Logger("a library")
    logger.addHandler(logging.StreamHandler())
    logger.warning(text)


def raised(text: str) -> None:
    try:
        raise RuntimeError(text)
    except RuntimeError:
        traceback.print_exc()


WAYS: dict[str, Callable[[str], object]] = {
    "print": print,
    "print to stderr": lambda text: print(text, file=sys.stderr),
    "click.echo": click.echo,
    "click.secho": lambda text: click.secho(text, fg="red", err=True),
    "writelines": lambda text: sys.stderr.writelines([text]),
    "a log": logged,
    "a traceback": raised,
    "an error of click": lambda text: click.UsageError(text).show(),
}


@pytest.mark.parametrize("way", WAYS)
def test_however_a_command_prints_it_is_cleaned(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as (out, err), guarded():
        WAYS[way](f"a {TITLE}")
    shown = out.close() + err.close()
    assert "a \\u001b]0;title\\u0007" in shown
    assert "\x1b" not in shown


# What writes to a terminal past the guard; the modules that may are those that clean.
ROUNDABOUT = {"bare", "bare_stdout", "buffer", "__stdout__", "__stderr__", "secho", "style"}
ROUNDABOUT |= {"Console", "Progress", "Live", "TextColumn", "fdopen", "get_binary_stream"}
CLEANING = {"terminal.py", "consoles.py"}
ALLOWED = {("inputs.py", "buffer"), ("mcp.py", "bare_stdout"), ("pulling.py", "Progress")}
# prompt_toolkit draws with sequences of its own; its texts are cleaned before.
ALLOWED |= {("prompting.py", "bare"), ("prompting.py", "buffer"), ("reading.py", "buffer")}
ALLOWED |= {
    ("history.py", "fdopen"),
    ("knowledge.py", "Progress"),
    ("knowledge_adding.py", "Progress"),
}


def test_no_command_goes_round_the_guard() -> None:
    files = [file for file in Path(package.__path__[0]).rglob("*.py") if file.name not in CLEANING]
    used = {(file.name, name) for file in files for name in names(file)}
    assert {pair for pair in used if pair[1] in ROUNDABOUT} == ALLOWED


def names(file: Path) -> set[str]:
    """Every name in a module that is imported, read as an attribute, or used alone."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    plain = {node.id for node in nodes if isinstance(node, ast.Name)}
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    imported = {node.name for node in nodes if isinstance(node, ast.alias)}
    return plain | attributes | imported


def test_a_traceback_that_ends_the_process_is_cleaned() -> None:
    code = (
        "import metier.cli as package\n"
        "start = package.main\n"
        "import metier.cli.main as module\n"
        "def fail(*_):\n"
        f"    raise RuntimeError({TITLE!r})\n"
        "module.DefaultGroup.parse_args = fail\n"
        "start()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("RuntimeError: \\u001b]0;title\\u0007\n")


def test_newlines_tabs_and_every_letter_stay() -> None:
    text = "a\tb\nשלום مرحبا \u200f 👩‍🔬 é\n"
    assert cleaned(text) == text
    assert cleaned("a\r\nb") == "a\nb"


@given(st.text())
def test_cleaned_json_is_valid_and_the_same(text: str) -> None:
    dumped = as_json({"text": text})
    assert json.loads(dumped) == {"text": text}
    assert cleaned(dumped) == dumped


def test_a_lone_surrogate_is_escaped() -> None:
    assert cleaned("a \ud800 b") == "a \\ud800 b"
    assert as_json("\ud800") == '"\\ud800"'


def written(text: str, *, encoding: str = "utf-8") -> str:
    """What a file gets."""
    data = io.BytesIO()
    guard = Guarded(io.TextIOWrapper(data, encoding=encoding, newline=""))
    guard.write(text)
    guard.flush()
    return data.getvalue().decode(encoding)


def test_a_file_gets_the_order_of_its_text_and_no_escapes() -> None:
    assert written("\u2067שלום\u2069") == "\u2067שלום\u2069"
    assert written("\x1b[31mred\x9b0m") == "\\u001b[31mred\\u009b0m"


def test_what_an_encoding_lacks_is_escaped() -> None:
    assert written("è 👩", encoding="ascii") == "\\u00e8 \\ud83d\\udc69"


def test_bytes_cannot_be_written_past_it() -> None:
    guard = Guarded(io.TextIOWrapper(io.BytesIO()))
    assert not hasattr(guard, "buffer")
    with pytest.raises(TypeError):
        guard.write(cast("str", b"\x1b"))


def test_the_streams_are_as_before_when_a_command_ends() -> None:
    before = sys.stdout, sys.stderr
    with guarded():
        assert isinstance(sys.stdout, Guarded)
        with bare_stdout():
            assert sys.stdout is before[0]
        assert isinstance(sys.stdout, Guarded)
    assert (sys.stdout, sys.stderr) == before


def test_metier_s_own_colours_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = on_terminal(monkeypatch, "doctor")
    assert "\x1b[31mFAIL\x1b[0m Ollama: " in shown.out
    shown = on_terminal(monkeypatch, "ask", "What is 2 + 2?")
    assert "\r\x1b[K\x1b[31mError: \x1b[0mno Ollama answers" in shown.err


MARKUP = "[/red] [link=http:evil]x[/link] :smile: \x1b[2J"


def test_a_table_has_no_markup_and_no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as (out, err):
        show([Sheet(header=(MARKUP,), rows=[(MARKUP,)], numbers_from=1)], markdown=False)
    assert out.close().count(cleaned(MARKUP)) == 2
    err.close()


def test_a_progress_bar_has_no_markup_and_no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as (out, err), progress("{task.description}", BarColumn()) as bar:
        bar.add_task(MARKUP)
    assert cleaned(MARKUP) in err.close()
    assert out.close() == ""


def test_a_report_goes_to_stdout_beside_a_progress_bar(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    models = [model(tmp_path / f"{n}.gguf", n) for n in range(2)]
    shown = on_terminal(monkeypatch, "merge", *models, "-o", f"{tmp_path}/out.gguf", "--check")
    assert "slerp: 0 M weights" in shown.out


def test_an_answer_that_nobody_reads_ends_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        command = [sys.executable, "-m", "metier", "config", "get"]
        done = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")


def test_what_ray_prints_in_its_thread_is_not_among_the_answers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with guarded():
        ray = threading.Thread(
            target=print, args=["a node is lost"], name="ray_listen_error_messages"
        )
        ray.start()
        ray.join()
        print("an answer")
    assert capsys.readouterr() == ("an answer\n", "a node is lost\n")
