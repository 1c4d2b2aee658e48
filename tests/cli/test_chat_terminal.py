"""`metier chat` in a real terminal: a process of its own behind a pseudo-terminal."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pexpect = pytest.importorskip("pexpect", reason="there are no pseudo-terminals here")

# Answers with the question; one that begins with `long` never ends.
PROGRAM = """
from metier import Card, Council, Expert
from metier.cli import main
from metier.experts.card import Capability
from metier.testing import FixedEmbedder, ScriptedModels
from metier.testing.models import Stall

def reply(request):
    asked = request.messages[-1].content
    said = " | ".join(each.content for each in request.messages)
    return Stall("one two") if asked.startswith("long") else f"<{said}>"

def installed(settings, **_):
    capability = Capability(name="all", description="sums", examples=("compute a sum",))
    cards = [
        Card(id=name, description=name, models=("m",), capabilities=(capability,))
        for name in ("sums", "plants")
    ]
    return Council.of(
        map(Expert, cards), settings=settings,
        server=ScriptedModels({"m": reply}), embedder=FixedEmbedder(),
    )

Council.from_installed = installed
main()
"""
CTRL_C, CTRL_D, ENTER, ALT_ENTER, UP, TAB = "\x03", "\x04", "\r", "\x1b\r", "\x1b[A", "\t"


class Chat:
    """A conversation, as the person before the terminal has it."""

    def __init__(self, child: pexpect.spawn) -> None:
        self.child = child

    def sees(self, text: str) -> None:
        """Wait until a text is on the screen."""
        self.child.expect_exact(text)

    def asked(self) -> None:
        """Wait until the prompt is there: bracketed paste is on."""
        self.child.expect_exact("\x1b[?2004h")

    def says(self, text: str, keys: str = ENTER) -> None:
        self.child.send(text + keys)

    def ended(self) -> int:
        """Wait for the end; the exit code."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus


@contextmanager
def chatting() -> Iterator[Chat]:
    # Without it, prompt_toolkit asks the terminal where its cursor is, and nobody answers here.
    environment = os.environ | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "COLUMNS": "120"}
    child = pexpect.spawn(
        sys.executable,
        ["-c", PROGRAM, "chat"],
        env=environment,
        encoding="utf-8",
        timeout=60,
        dimensions=(40, 120),
    )
    chat = Chat(child)
    try:
        chat.asked()
        yield chat
    finally:
        child.close(force=True)


def test_a_conversation_goes_on_with_what_was_said() -> None:
    with chatting() as chat:
        chat.says("compute a sum")
        chat.sees("<compute a sum>")
        chat.asked()
        chat.says("and another")
        chat.sees("<compute a sum | <compute a sum> | and another>")
        chat.asked()
        chat.says("", CTRL_D)
        assert chat.ended() == 0


def test_ctrl_c_stops_the_answer_and_not_the_conversation() -> None:
    with chatting() as chat:
        chat.says("long sum")
        chat.sees("two")
        chat.says("", CTRL_C)
        chat.sees("stopped")
        chat.asked()
        chat.says("compute a sum")
        chat.sees("<long sum | one two | compute a sum>")
        chat.asked()
        chat.says("/quit")
        assert chat.ended() == 0


def test_ctrl_c_at_the_prompt_drops_what_was_typed() -> None:
    with chatting() as chat:
        chat.says("nonsense", CTRL_C)
        chat.sees("To end the conversation")
        chat.asked()
        chat.says("compute a sum")
        chat.sees("<compute a sum>")


@pytest.mark.parametrize("break_", [ALT_ENTER, f"\\{ENTER}"])
def test_a_question_has_several_lines(break_: str) -> None:
    with chatting() as chat:
        chat.says("compute a sum", break_)
        chat.says("of 1 and 2")
        chat.sees("<compute a sum\r\nof 1 and 2>")


def test_a_pasted_text_stays_one_question() -> None:
    with chatting() as chat:
        chat.says("\x1b[200~compute a sum\nof 1 and 2\x1b[201~")
        chat.sees("<compute a sum\r\nof 1 and 2>")


def test_a_command_and_what_it_takes_are_completed() -> None:
    with chatting() as chat:
        chat.says("/exp", keys="")
        chat.sees("choose only among these experts")
        chat.says("", TAB)
        chat.sees("/expert")
        chat.says(" pl", keys="")
        chat.sees("plants")
        chat.says("", TAB)
        chat.says("")
        chat.sees("experts: plants")


def test_what_was_typed_is_there_in_the_next_session(tmp_path: Path) -> None:
    with chatting() as chat:
        chat.says("compute a sum")
        chat.sees("<compute a sum>")
        chat.asked()
        chat.says(" compute a secret")
        chat.sees("compute a secret>")
        chat.asked()
        chat.says("", CTRL_D)
        chat.ended()
    with chatting() as chat:
        chat.says("", UP)
        chat.says("")
        chat.sees("<compute a sum>")
    file = tmp_path / "state" / "chat-history.jsonl"
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    assert kept == ["compute a sum", "compute a sum"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nothing_that_is_pasted_or_answered_steers_the_terminal() -> None:
    with chatting() as chat:
        chat.says("\x1b[200~sum \x1b]0;title\x07\x1b[201~")
        chat.sees("<sum \\u001b]0;title\\u0007>")
        assert "\x1b]0;title" not in chat.child.before
