"""What a composer may say itself: a line that announces a result, and claims nothing.

Its words stand in the question, or are function words of the asker's language: a result, which may
hold orders, gives it none. Its numbers, its code and its quotes stand in the question or in a
result as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from metier.engine.language import function_words, languages_of
from metier.planning.splitting.request import request_of

_STEM = 4
_WORD = re.compile(r"[^\W\d_]{4,}")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_FENCED = re.compile(r"(?<!`)`{3,}+[^`\n]*\n(.*?)`{3,}", re.DOTALL)
_MARKED = re.compile(r"\"([^\"\n]+)\"|“([^“”\n]+)”|„([^„“”\n]+)[“”]|«([^«»\n]+)»|`([^`\n]+)`")
_WORD_CHAR = re.compile(r"\w")
# Marks that are left when the pairs are gone: what they open has no end in its line.
_OPEN = re.compile(r"[\"“”„«»`]")


class Announcing:
    """Tells lines that only announce from those that say something of their own.

    Args:
        question: as it was asked; texts that were pasted into it announce nothing.
        tasks: what the steps were asked.
        results: the texts that are placed.
    """

    def __init__(self, question: str, tasks: Sequence[str], results: Sequence[str]) -> None:
        asked = request_of(question).text
        self._known = _Known.of([asked, *tasks, *results])
        self._results = [_flat(text).casefold() for text in results]
        self._languages = languages_of(asked)
        self._connecting = function_words(self._languages)
        self._stems = {stem for text in (asked, *tasks) for stem in self._stems_of(text)}

    def may_say(self, line: str) -> bool:
        """Whether a line holds nothing new, retypes no result, and is in the asker's language."""
        flat = _flat(line).casefold().rstrip(".:… ")
        words = len(flat.split())
        retyped = words > 4 and any(flat in text for text in self._results)
        return (
            words > 1
            and not retyped
            and "{{" not in line
            and not _OPEN.search(_MARKED.sub(" ", line))
            and self._stems_of(line) <= self._stems
            and not self._known.lacks(line)
            and self._is_of_the_language(line)
        )

    def _is_of_the_language(self, line: str) -> bool:
        found = languages_of(line)
        return not found or bool(found & self._languages)

    def _stems_of(self, text: str) -> set[str]:
        """The beginnings of the words that carry meaning."""
        words = _WORD.findall(text.lower())
        return {word[:_STEM] for word in words if word not in self._connecting}


def foreign(text: str, known: Sequence[str]) -> set[str]:
    """The numbers, code blocks and quotes of a text that stand in none of the known ones.

    >>> foreign("It costs 12 euros, \"plus tax\".", ["That is 12 euros."])
    {'plus tax'}
    """
    return _Known.of(known).lacks(text)


@dataclass(frozen=True, slots=True)
class _Known:
    """Texts whose numbers, code blocks and quotes may be said again."""

    texts: tuple[str, ...]
    numbers: frozenset[str]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        numbers = frozenset(number for each in texts for number in _numbers(each))
        return cls(tuple(_flat(each) for each in texts), numbers)

    def lacks(self, text: str) -> set[str]:
        """What of a text stands in none of these."""
        rest = _FENCED.sub(" ", text)
        pieces = {match[1] for match in _FENCED.finditer(text)}
        pieces |= {next(filter(None, match.groups())) for match in _MARKED.finditer(rest)}
        missing = {
            piece for piece in pieces if not any(_stands(_flat(piece), each) for each in self.texts)
        }
        return missing | (_numbers(text) - self.numbers)


def _stands(piece: str, text: str) -> bool:
    """Whether a piece stands in a text, with its words whole."""
    start = text.find(piece)
    while start >= 0:
        end = start + len(piece)
        if not _WORD_CHAR.match(text[start - 1 : start]) and not _WORD_CHAR.match(text, end):
            return True
        start = text.find(piece, start + 1)
    return False


def _flat(text: str) -> str:
    return " ".join(text.split())


def _numbers(text: str) -> set[str]:
    return {number.replace(",", "") for number in _NUMBER.findall(text)}
