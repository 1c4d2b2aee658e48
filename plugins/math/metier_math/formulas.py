"""Formulas that a question names and a small model mixes up: shown to it if they are named.

They are in formulas.toml, which says what its fields mean.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache, cached_property
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from metier.experts.expert import Task

# A small model reads two; more make it mix them up again.
_MOST = 2
_MOST_CHARS = 4000
_BETWEEN_WORDS = re.compile(r"[^\w/%]+")


class Formula(BaseModel):
    """A formula with the words that name it, as formulas.toml explains them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    words: tuple[str, ...]
    formula: str
    source: str
    also: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    note: str = ""
    example: dict[str, float] = {}

    @cached_property
    def _padded(self) -> tuple[str, ...]:
        return tuple(f" {word[:-1]}" if word.endswith("*") else f" {word} " for word in self.words)

    def named_in(self, text: str) -> int:
        """How many characters of a text name it; 0 if it is not meant."""
        low = f" {text.lower()} "
        plain = f" {_BETWEEN_WORDS.sub(' ', low).strip()} "
        named = max((len(word) for word in self._padded if word in plain), default=0)
        if any(word in low or word in plain for word in self.never):
            return 0
        return named if not self.also or any(w in low or w in plain for w in self.also) else 0

    def __str__(self) -> str:
        """The formula as a model is shown it."""
        return f"{self.formula} ({self.note})" if self.note else self.formula


def formulas_for(task: Task) -> str:
    """The formulas that a task names, or one that it needs does, as a line for its prompt.

    The ones with the longest names count if there are more than two.
    """
    said = " ".join([task.text, *(result.task for result in task.inputs)])[:_MOST_CHARS]
    named = [(each.named_in(said), each) for each in all_formulas()]
    best = sorted((e for e in named if e[0]), key=lambda e: -e[0])[:_MOST]
    return f"Use: {'; '.join(str(formula) for _, formula in best)}." if best else ""


@cache
def all_formulas() -> tuple[Formula, ...]:
    """Every formula that comes with the plugin."""
    data = tomllib.loads((files("metier_math") / "formulas.toml").read_text(encoding="utf-8"))
    return tuple(Formula.model_validate(entry) for entry in data["formula"])
