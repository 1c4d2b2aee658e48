"""The lines of a conversation, from a person at a terminal or from a pipe."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import anyio
import click

from metier.cli.chat.history import InputHistory, without_repeats
from metier.cli.session import show_error
from metier.errors import MetierError, UnreadableInput
from metier.settings.reading import MAX_TEXT_BYTES

if TYPE_CHECKING:
    from metier.cli.chat.prompting import Names

# The commands that take paths.
_PATHS = ("file", "save")


async def typed(
    history: InputHistory, commands: dict[str, str], names: dict[str, Names]
) -> AsyncIterator[str]:
    """Yield what a person types, until Ctrl-D; Ctrl-C drops a line."""
    from metier.cli.chat.prompting import Prompt

    prompt = Prompt(history=_entries(history), commands=commands, names=names, paths=_PATHS)
    while True:
        try:
            text = await prompt.read()
        except EOFError:
            return
        except KeyboardInterrupt:
            click.echo("To end the conversation, press Ctrl-D or type /quit.", err=True)
            continue
        if text.strip():
            _keep(history, text)
            yield _joined(text)


async def piped() -> AsyncIterator[str]:
    r"""Yield the lines of stdin; one that ends with ``\`` continues on the next.

    Raises:
        UnreadableInput: stdin is not text, or a line is too long.
    """
    begun = ""
    while line := await anyio.to_thread.run_sync(_line, abandon_on_cancel=True):
        begun += line
        if line.endswith("\\\n"):
            continue
        if begun.strip():
            yield _joined(begun)
        begun = ""
    if begun.strip():
        yield _joined(begun)


def _line() -> str:
    data = sys.stdin.buffer.readline(MAX_TEXT_BYTES + 1)
    if len(data) > MAX_TEXT_BYTES:
        raise UnreadableInput("stdin", reason=f"a line is longer than {MAX_TEXT_BYTES >> 20} MiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise UnreadableInput("stdin") from exc
    if "\x00" in text:
        raise UnreadableInput("stdin")
    return text.replace("\r\n", "\n")


def _joined(text: str) -> str:
    return text.replace("\\\n", "\n").rstrip()


def _entries(history: InputHistory) -> list[str]:
    try:
        history.trim()
        return without_repeats(history.read())
    except (MetierError, OSError) as exc:
        _tell(exc)
        return []


def _keep(history: InputHistory, text: str) -> None:
    try:
        history.add(text)
    except (MetierError, OSError) as exc:
        _tell(exc)


def _tell(exc: MetierError | OSError) -> None:
    show_error(exc if isinstance(exc, MetierError) else MetierError(str(exc).lower()))
