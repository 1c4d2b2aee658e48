"""Messages of OpenAI's protocol, which are texts or lists of parts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from metier.experts.expert import delimited
from metier.models.control import without_surrogates
from metier.plan import Document, Message
from metier.serving.failures import refused
from metier.serving.questions import conversation
from metier.serving.reading import Body

_TEXTS = {"text", "input_text", "output_text", "refusal"}
_FILES = {"file", "input_file"}
_ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "developer": "system",
    "system": "system",
    "assistant": "assistant",
}


class File(Body):
    """A file within a message."""

    filename: str | None = None
    file_data: str | None = None


class ContentPart(File):
    """A part of a message; the fields of a file are its own, or those of `file`."""

    type: str
    text: str | None = None
    refusal: str | None = None
    file: File | None = None


class Turn(Body):
    """A message."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[ContentPart] | None = None


@dataclass(slots=True)
class Reading:
    """The texts of messages, and their documents."""

    messages: list[Message] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)


def read_turns(turns: Sequence[Turn]) -> tuple[tuple[Message, ...], tuple[Document, ...]]:
    """A conversation and its documents.

    Files become documents. Of the texts in the last message, the last is the question, and the
    others become documents.

    Raises:
        Refused: there is no question, or a part is not text.
    """
    reading = Reading()
    for number, turn in enumerate(turns, start=1):
        _read(turn, reading, last=number == len(turns))
    return conversation(reading.messages), tuple(reading.documents)


def _read(turn: Turn, reading: Reading, *, last: bool) -> None:
    texts = _texts(turn.content, reading)
    if last and len(texts) > 1 and turn.role == "user":
        names = len(reading.documents)
        reading.documents += [
            Document(name=f"text {names + n}", text=text)
            for n, text in enumerate(texts[:-1], start=1)
        ]
        texts = texts[-1:]
    text = without_surrogates("\n\n".join(texts))
    if turn.role in ("tool", "function"):
        text = delimited("result", text)
    reading.messages.append(Message(role=_ROLES.get(turn.role, "user"), content=text))


def _texts(content: str | list[ContentPart] | None, reading: Reading) -> list[str]:
    if content is None or isinstance(content, str):
        return [content or ""]
    texts = []
    for part in content:
        if part.type in _TEXTS:
            texts.append(part.text or part.refusal or "")
        elif part.type in _FILES:
            reading.documents.append(_document(part.file or part))
        else:
            raise refused(
                f"a part of type {part.type[:40]!r} cannot be read: metier reads text and files "
                "of text",
                param="messages",
            )
    return [text for text in texts if text.strip()]


def _document(file: File) -> Document:
    name = (file.filename or "file")[:200]
    if not file.file_data:
        raise refused(f"the file {name!r} has no content in 'file_data'", param="messages")
    data = file.file_data.rpartition("base64,")[2]
    try:
        text = base64.b64decode(data, validate=True).decode("utf-8-sig")
    except (binascii.Error, ValueError):
        raise refused(f"the file {name!r} is not a text in UTF-8", param="messages") from None
    return Document(name=name, text=text)
