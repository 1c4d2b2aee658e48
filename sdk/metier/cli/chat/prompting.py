"""The prompt of a conversation on a terminal; only this module imports prompt_toolkit."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import create_output

from metier.cli.terminal import bare, cleaned

# The names that may follow a command.
Names = Callable[[], Awaitable[Sequence[str]]]


class Prompt:
    """Reads what the user types. It is shown on stderr, because stdout is for answers only.

    Args:
        history: earlier input, the oldest first.
        commands: what each command does, by name.
        names: for each command that takes names, a function that lists them.
        paths: the commands that take paths.
    """

    def __init__(
        self,
        *,
        history: Sequence[str],
        commands: Mapping[str, str],
        names: Mapping[str, Names],
        paths: Sequence[str],
    ) -> None:
        self._session: PromptSession[str] = PromptSession(
            "> ",
            multiline=True,
            prompt_continuation="  ",
            history=InMemoryHistory(history),
            completer=_Commands(commands, names, paths),
            complete_while_typing=Condition(self._begins_command),
            key_bindings=_keys(),
            input=create_input(sys.stdin),
            output=create_output(stdout=bare(sys.stderr)),
            reserve_space_for_menu=6,
        )

    def _begins_command(self) -> bool:
        return self._session.default_buffer.text.startswith("/")

    async def read(self) -> str:
        """Return what the user typed.

        Raises:
            EOFError: the user pressed Ctrl-D.
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        return await self._session.prompt_async()


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def send(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.current_line_before_cursor.endswith("\\"):
            buffer.newline()
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def begin_line(event: KeyPressEvent) -> None:
        event.current_buffer.newline()

    return keys


class _Commands(Completer):
    """Completes commands and what they take."""

    def __init__(
        self, commands: Mapping[str, str], names: Mapping[str, Names], paths: Sequence[str]
    ) -> None:
        self._commands = commands
        self._names = names
        self._paths = paths
        self._path_completer = PathCompleter(expanduser=True)

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """Return none: the other method finds them, because it may ask the server."""
        return ()

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        """Complete the word at the cursor."""
        command, space, argument = document.text_before_cursor.partition(" ")
        if not command.startswith("/"):
            return
        if not space:
            for name, does in self._commands.items():
                if f"/{name}".startswith(command):
                    yield _completion(f"/{name}", command, meta=does)
        elif command[1:] in self._paths:
            word = Document(argument.rpartition(" ")[2])
            for path in self._path_completer.get_completions(word, complete_event):
                yield _completion(path.text, "", display=path.display_text)
        elif command[1:] in self._names:
            word = argument.rpartition(" ")[2]
            for name in await self._names[command[1:]]():
                if name.startswith(word):
                    yield _completion(name, word)


def _completion(text: str, typed: str, *, display: str = "", meta: str = "") -> Completion:
    """A completion whose text cannot control the terminal: names come from files and servers."""
    return Completion(
        text, start_position=-len(typed), display=cleaned(display or text), display_meta=meta
    )
