"""Parts that the user separated: numbered paragraphs, or one that begins with `Also,`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from metier.planning.splitting.code import FENCED

_NAMED = r"(?:question|part|task|problem|point)"
_ORDINAL = re.compile(
    rf"\(?(\d)[.):]+\s+|{_NAMED}\s+(\d)\s*[.):]+\s*|(?:the\s+)?(first|second|third|fourth|fifth)"
    rf"(?:ly)?(?:\s+(?:{_NAMED}|thing|one))?\s*[:,]\s*",
    re.IGNORECASE,
)
_ADDED = re.compile(
    r"(?:also|additionally|in addition|besides(?: that)?|furthermore|moreover|on another note|"
    r"(?:and )?(?:another|one more|a second|a different|an unrelated)\s(?:question|thing|request))"
    r"\s*[,:]\s*(?:(?:something else|(?:another|one more|a second) (?:thing|question))\s*[,:]\s*)?",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(r"[^.:?!\n]{0,80}[.:!]\s+")
_PARAGRAPH = re.compile(r"(?:\A|\n[ \t]*\n)[ \t]*(?=\S)")
_WORDS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
_LEAST_WORDS = 3


def sections(question: str, *, asks: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the parts that the user separated, without their marks; none if fewer than two.

    Parts are paragraphs with consecutive numbers, `First` in the first sentence and `Second` at the
    beginning of a paragraph, or a paragraph that begins with `Also,`. Code keeps its empty lines.

    Args:
        asks: whether a text asks for something, as parts without numbers must.
    """
    hidden = FENCED.sub(lambda code: "\ue000" * len(code[0]), question)
    starts = list(_starts(hidden))
    if not starts:
        return ()
    begin = _first_text(hidden)
    cuts = [(begin, starts[0][0]), *_between(starts, len(question))]
    found = tuple(question[start:end].strip() for start, end in cuts)
    if any(len(text.split()) < _LEAST_WORDS for text in found):
        return ()
    # A number is enough; `Also,` may continue a story.
    return found if begin > 0 or all(map(asks, found)) else ()


def _starts(text: str) -> Iterator[tuple[int, int]]:
    """Where the second and later parts begin, with and without their marks."""
    numbered = _number_at(text, _first_mark(text)) == 1
    expected = 2
    for paragraph in _PARAGRAPH.finditer(text):
        at = paragraph.end()
        mark = _ORDINAL.match(text, at)
        if mark is not None and numbered and _number(mark) == expected:
            expected += 1
            yield paragraph.start(), mark.end()
        elif at > 0 and (added := _ADDED.match(text, at)):
            yield paragraph.start(), added.end()


def _between(starts: list[tuple[int, int]], end: int) -> list[tuple[int, int]]:
    ends = [start for start, _ in starts[1:]] + [end]
    return [(begin, stop) for (_, begin), stop in zip(starts, ends, strict=True)]


def _first_mark(text: str) -> int:
    """The place of the first part's mark: at the start, or after an introductory sentence."""
    lead = _LEAD_IN.match(text)
    after = lead.end() if lead is not None else 0
    return after if _ORDINAL.match(text, after) and not _ORDINAL.match(text) else 0


def _first_text(text: str) -> int:
    """Where the first part's own words begin."""
    at = _first_mark(text)
    mark = _ORDINAL.match(text, at)
    return mark.end() if mark is not None and _number(mark) == 1 else 0


def _number_at(text: str, at: int) -> int:
    mark = _ORDINAL.match(text, at)
    return _number(mark) if mark is not None else 0


def _number(mark: re.Match[str]) -> int:
    digits = mark[1] or mark[2]
    return int(digits) if digits else _WORDS[mark[3].lower()]
