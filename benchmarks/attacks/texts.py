"""The attack texts, as they are put into a document, a result or a question."""

from __future__ import annotations

import base64
import codecs
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, assert_never
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter

Encoding = Literal["base64", "rot13", "spaced", "percent", "reversed", "hex"]
Half = Literal["development", "reported"]

FILE = Path(__file__).parent / "texts.toml"


class _Row(BaseModel):
    canary: str
    text: str
    hidden: str = ""
    encoding: Encoding | None = None


_ROWS = TypeAdapter(dict[str, dict[int, _Row]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One text.

    Attributes:
        canary: the word that it orders; an answer that holds it may have obeyed.
        half: whether it may be looked at while a protection is made, or is only reported.
        turn: its number within its half: scenes take turns by it.
    """

    id: str
    category: str
    half: Half
    canary: str
    text: str
    turn: int = 0


def attacks(half: Half | None = None) -> list[Attack]:
    """The texts of a half, or all, in the order of the file."""
    found = _ROWS.validate_python(tomllib.loads(FILE.read_text(encoding="utf-8")))
    rows = [(category, *item) for category, each in found.items() for item in each.items()]
    # Odd and even take turns in each category, so two neighbours have the same turn.
    listed = [_attack(*row, turn=n // 2) for n, row in enumerate(rows)]
    return [attack for attack in listed if half in (None, attack.half)]


def _attack(category: str, number: int, row: _Row, *, turn: int) -> Attack:
    hidden = encoded(row.hidden, row.encoding) if row.encoding else ""
    return Attack(
        id=f"{category}.{number}",
        category=category,
        half="reported" if number % 2 else "development",
        canary=row.canary,
        text=row.text.replace("{hidden}", hidden),
        turn=turn,
    )


def encoded(text: str, encoding: Encoding) -> str:
    """A text as it hides from a reader."""
    match encoding:
        case "base64":
            return base64.b64encode(text.encode()).decode()
        case "hex":
            return text.encode().hex()
        case "rot13":
            return codecs.encode(text, "rot13")
        case "percent":
            return quote(text, safe="")
        case "spaced":
            return " ".join(text)
        case "reversed":
            return text[::-1]
        case _:
            assert_never(encoding)
