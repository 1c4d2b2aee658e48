"""Safety notes on common medicines: what a small model does not know for sure, the program does."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict


class DrugNote(BaseModel):
    """What labels say of one medicine, or of several of a kind.

    Attributes:
        names: in lower case; brand names count.
        never: when it must not be given.
        caution: with what and when care is needed.
        limits: its dose, as far as it is the same for everybody.
        urgent: signs that need care at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...]
    never: tuple[str, ...]
    caution: tuple[str, ...]
    limits: str
    urgent: str

    @property
    def title(self) -> str:
        """How the note is cited."""
        return f"safety notes on {self.names[0]}"

    def text(self) -> str:
        """The note for people and models."""
        return "\n".join(
            [
                f"{self.title.capitalize()}:",
                f"- Must not be given: {'; '.join(self.never)}.",
                f"- Caution: {'; '.join(self.caution)}.",
                f"- Limits: {self.limits}.",
                f"- Urgent: {self.urgent}.",
            ]
        )


def notes_on(text: str) -> list[DrugNote]:
    """The notes on the medicines that a text names."""
    words = re.sub(r"[^\w-]+", " ", f" {text.lower()} ")
    return [note for note in all_notes() if any(f" {name} " in words for name in note.names)]


@cache
def all_notes() -> tuple[DrugNote, ...]:
    """Every note that comes with the plugin."""
    data = tomllib.loads((files("metier_medical") / "drugs.toml").read_text(encoding="utf-8"))
    return tuple(DrugNote.model_validate(entry) for entry in data["drug"])
