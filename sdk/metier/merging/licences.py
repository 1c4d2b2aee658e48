"""The licences of a merged model: those of all its parents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metier.merging.gguf_file import GgufFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """What is known about one model's licence.

    Attributes:
        name: an SPDX id or a title; empty if unknown.
        texts: the full texts, as Ollama stores them.
    """

    model: str
    name: str
    texts: tuple[str, ...] = ()


def licence_of(model: str, file: GgufFile, texts: Sequence[str]) -> Licence:
    """Read a model's licence from its file's keys and Ollama's texts."""
    named = file.scalar("general.license.name") or file.scalar("general.license")
    first = texts[0].strip().splitlines()[0].strip() if texts and texts[0].strip() else ""
    return Licence(model=model, name=str(named or first), texts=tuple(texts))


def combined(licences: Sequence[Licence]) -> str:
    """Join the distinct names into one SPDX expression, such as `apache-2.0 AND llama3.2`."""
    names: dict[str, str] = {}
    for each in licences:
        if each.name:
            names.setdefault(each.name.casefold(), each.name)
    return " AND ".join(names.values())


def texts(licences: Sequence[Licence]) -> tuple[str, ...]:
    """Return the distinct texts."""
    return tuple(dict.fromkeys(text for each in licences for text in each.texts))
