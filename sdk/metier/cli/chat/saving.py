"""Save a conversation as Markdown, or as JSON whose messages can be continued."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from metier.cli.chat.conversation import Turn, messages_of
from metier.cli.terminal import cleaned
from metier.cli.text import as_json
from metier.errors import InvalidInput
from metier.settings.files import replace_file


def save(turns: Sequence[Turn], path: Path) -> None:
    """Write the turns to a new file: JSON if its name ends in `.json`, else Markdown.

    Raises:
        InvalidInput: there is nothing to save, or the file exists.
        OSError: it cannot be written.
    """
    if not turns:
        raise InvalidInput("there is nothing to save", hint="Ask a question first")
    if os.path.lexists(path):
        raise InvalidInput(f"{str(path)!r} exists", hint="Give another name: /save notes.md")
    if not path.parent.is_dir():
        raise OSError(errno.ENOENT, "no such folder", str(path.parent))
    text = _json(turns) if path.suffix == ".json" else "\n\n".join(_markdown(turns))
    replace_file(path, f"{text}\n".encode())


def _json(turns: Sequence[Turn]) -> str:
    return as_json({"messages": [message.model_dump() for message in messages_of(turns)]})


def _markdown(turns: Sequence[Turn]) -> Iterator[str]:
    for turn in turns:
        experts = ", ".join(dict.fromkeys(part.expert for part in turn.answer.parts))
        stopped = ", stopped" if turn.stopped else ""
        yield "**You**"
        yield cleaned(turn.question, bidi=False)
        yield f"**metier** ({experts or 'nobody'}{stopped})"
        yield cleaned(turn.answer.text.strip(), bidi=False)
