"""`metier chat`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metier.cli.ask import expert_option, form_of, running_options
from metier.cli.combining import combining_options
from metier.cli.session import (
    FAILED,
    PARTIAL,
    alongside,
    errors_for_people,
    load_settings,
    run_async,
    stop_warming,
)

if TYPE_CHECKING:
    from metier.cli.chat.conversation import Conversation
    from metier.cli.chat.session import ChatSession
    from metier.cli.render import Form
    from metier.plan import Combining
    from metier.settings import Settings

# How much of the last question is shown when a conversation continues.
_SHOWN_CHARS = 60


@click.command(epilog="Example: metier chat -e medical -f leaflet.txt")
@running_options
@combining_options
@expert_option
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Document that the questions are about. Repeatable.",
)
@click.option("-c", "--continue", "go_on", is_flag=True, help="Continue the last conversation.")
def chat(
    experts: tuple[str, ...],
    files: tuple[Path, ...],
    *,
    how: Combining,
    model: str | None,
    compose: str | None,
    timeout: float | None,
    cluster: str | None,
    as_json: bool,
    jsonl: bool,
    no_log: bool,
    no_stream: bool,
    go_on: bool,
    verbose: bool,
) -> None:
    """Have a conversation: questions may refer to what was said before.

    On a terminal, type /help for the commands. Otherwise each line of stdin is a question or a
    command.
    """
    with errors_for_people(as_json=as_json):
        from metier.cli.chat.conversation import Conversation
        from metier.cli.chat.session import ChatSession
        from metier.cli.inputs import document_from

        form = form_of(as_json=as_json, jsonl=jsonl)
        documents = [document_from(file) for file in files]
        settings = load_settings(model=model, compose=compose, timeout_s=timeout, cluster=cluster)
        talk = Conversation(
            experts=experts, how=how, documents={each.name: each for each in documents}
        )
        if go_on:
            _go_on(talk, settings)
        session = ChatSession(
            settings,
            talk,
            form=form,
            verbose=verbose,
            stream=not no_stream,
            log=not no_log,
            on_terminal=_on_terminal(),
        )
        talk = partial(_talk, session, form)
        if session.on_terminal:  # the person reads and types meanwhile
            stop_warming(settings)
            talk = partial(alongside, session.keep_warm, talk)
        sys.exit(run_async(talk, closing=session))


def _go_on(talk: Conversation, settings: Settings) -> None:
    from metier.cli.chat.resuming import last_conversation
    from metier.cli.terminal import cleaned

    talk.before, talk.turns = last_conversation(settings)
    talk.last = talk.turns[-1].question
    asked = " ".join(cleaned(talk.last).split())
    shown = asked if len(asked) <= _SHOWN_CHARS else f"{asked[:_SHOWN_CHARS]}…"
    click.echo(f"continuing after {shown!r}", err=True)


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


async def _talk(session: ChatSession, form: Form) -> int:
    """Answer until the input ends; return the exit code.

    On a terminal it is 0: the user has seen what failed. A script needs the exit code.
    """
    from metier.cli.chat.commands import Quit

    codes: list[int] = []
    lines = _typed(session) if session.on_terminal else _piped()
    try:
        async for text in lines:
            code = await _turn(session, text, form)
            if code is not None:
                codes.append(code)
    except Quit:
        pass
    if session.on_terminal or not any(codes):
        return 0
    return FAILED if all(code == FAILED for code in codes) else PARTIAL


async def _turn(session: ChatSession, text: str, form: Form) -> int | None:
    """Answer a question or run a command; an error ends the turn, not the conversation."""
    from metier.cli.chat.commands import command_in, run_command
    from metier.cli.session import show_error
    from metier.errors import MetierError

    command = command_in(text)
    try:
        if command is None:
            return await session.ask(text.strip())
        return await run_command(session, *command)
    except MetierError as exc:
        error = exc
    except click.UsageError as exc:
        error = MetierError(exc.format_message())
    except OSError as exc:
        where = f"{exc.filename}: " if exc.filename else ""
        error = MetierError(f"{where}{(exc.strerror or str(exc)).lower()}")
    show_error(error, as_json=form == "json", indent=None)
    return FAILED


def _typed(session: ChatSession) -> AsyncIterator[str]:
    from metier.cli.chat.commands import COMMANDS, NAMES
    from metier.cli.chat.history import InputHistory
    from metier.cli.chat.reading import typed

    return typed(
        InputHistory(session.settings.state_dir / "chat-history.jsonl"),
        commands={name: command.does for name, command in COMMANDS.items()},
        names={name: partial(find, session) for name, find in NAMES.items()},
    )


def _piped() -> AsyncIterator[str]:
    from metier.cli.chat.reading import piped

    return piped()
