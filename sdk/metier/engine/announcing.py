"""What a composer may say itself: a line that announces a result, and claims nothing.

Its words stand in the question, or are function words of the asker's language: a result, which may
hold orders, gives it none. Its numbers, its code and its quotes stand in the question or in a
result as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from metier.engine.language import function_words, languages_of
from metier.planning.splitting.request import request_of

_STEM = 4
_WORD = re.compile(r"[^\W\d_]{4,}")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_FENCED = re.compile(r"```[^\n]*\n(.*?)```", re.DOTALL)
_MARKED = re.compile(r"\"([^\"\n]+)\"|“([^“”\n]+)”|„([^„“”\n]+)[“”]|«([^«»\n]+)»|`([^`\n]+)`")
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
        self._known = [asked, *tasks, *results]
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
            and not foreign(line, self._known)
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
    numbers = {number for each in known for number in _numbers(each)}
    flat = [_flat(each) for each in known]
    rest = _FENCED.sub(" ", text)
    pieces = [match[1] for match in _FENCED.finditer(text)]
    pieces += [next(filter(None, match.groups())) for match in _MARKED.finditer(rest)]
    missing = {piece for piece in pieces if not any(_stands(piece, each) for each in flat)}
    return missing | (_numbers(text) - numbers)


def _stands(piece: str, text: str) -> bool:
    """Whether a piece stands in a text, with its words whole."""
    return re.search(rf"(?<!\w){re.escape(_flat(piece))}(?!\w)", text) is not None


def _flat(text: str) -> str:
    return " ".join(text.split())


def _numbers(text: str) -> set[str]:
    return {number.replace(",", "") for number in _NUMBER.findall(text)}
