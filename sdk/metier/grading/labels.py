"""The label that a text gives as its answer.

lm-evaluation-harness takes the first `(A)` or option text that it finds, simple-evals the letter
behind `Answer:`. Here who names several labels chooses none, a label that is ruled out is not
named, and a letter that is a word of a sentence ("A patient …") is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from metier.grading.kinds import Label
from metier.grading.markup import announced, emphasised, plain, without_code
from metier.grading.texts import normal

_RULING_OUT = re.compile(
    r"(?:\b(?:not|never|neither|nor|eliminated?|excluded?|ruled?\s+out|instead\s+of|rather\s+than)"
    r"|n['\s]t)[^\w,;:]+(?:(?!but\b)\w+[^\w,;:]+){0,3}$",
    re.IGNORECASE,
)
_RULED_OUT = re.compile(
    r"[^\w,;:]{0,3}(?:\b\w++\s++){0,2}?(?:is|are|was|can)\s++(?:\w++\s++)?"
    r"(?:not|incorrect|wrong|false|unlikely|eliminated|excluded|ruled)\b",
    re.IGNORECASE,
)
# As far as is looked around a label for what rules it out.
_CONTEXT = 60
_SENTENCE = re.compile(r"(?<=[.!?;])(?<!\b[A-Z]\.)\s+|\n+")
_CALLED = r"(?:(?i:option|choice|answer|label|letter)\s+)"
_QUOTES = r"[\s\"'“”(\[]{0,6}"
_END = r"(?=[\s\"'“”]{0,6}(?:$|[)\].,:;!?]|\s[-–—]\s|\())"
_REASON = r"(?=\s+(?:is|are|because|since|as|for|it|they|there|you|this|that|he|she|we)\b)"
# A label that prose is full of says nothing there.
_COMMON = frozenset({"a", "i", "no", "none", "or"})


def label_in(text: str, kind: Label) -> str | None:
    """The label that a text gives as its answer; None if it gives none, or several."""
    prose = without_code(text)
    body = plain(prose)
    for said in announced(body):
        if found := _chosen_by(said, kind):
            return _only(found)
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    ways = (
        (_alone(line, kind) for line in dict.fromkeys((*lines[:1], *lines[-1:]))),
        _called_right(body, kind),
        _opening_lines(emphasised(prose), kind),
        _opening_lines(lines, kind),
        _named(body, kind),
        _by_option(body, kind),
    )
    named = ({label for label in way if label} for way in ways)
    return next((_only(labels) for labels in named if labels), None)


def _only(labels: set[str]) -> str | None:
    return next(iter(labels)) if len(labels) == 1 else None


def _chosen_by(said: str, kind: Label) -> set[str]:
    """The labels that an announcement opens with, or whose options it names."""
    return _opening(said, kind) or set(_by_option(said, kind))


def _opening(line: str, kind: Label) -> set[str]:
    """The label that a line opens with, as `(C) zinc`, `Yes, because …`, `Option B is …`.

    Several where it goes on with others, as `A or B`.
    """
    match = _patterns(kind).opening.match(line)
    if match is None:
        return set()
    listed = _patterns(kind).listed.match(line)
    return {
        _as_given(each[0], kind) for each in _patterns(kind).each.finditer((listed or match)[0])
    }


def _opening_lines(lines: Iterable[str], kind: Label) -> Iterator[str]:
    """What lines open with; of a line that rules its letter out, nothing."""
    for line in lines:
        match = _patterns(kind).opening.match(line)
        if match and not (_is_lettered(kind) and _RULED_OUT.match(line, match.end())):
            yield from _opening(line, kind)


def _alone(line: str, kind: Label) -> str | None:
    """The label that is all of a line."""
    match = _patterns(kind).alone.fullmatch(line)
    return _as_given(match[1], kind) if match else None


def _called_right(body: str, kind: Label) -> Iterator[str]:
    """Labels of which a sentence says that they are right."""
    for match in _affirmed(body, _patterns(kind).right):
        yield _as_given(match[1], kind)


def _named(body: str, kind: Label) -> Iterator[str]:
    """Labels that sentences name without ruling them out."""
    if not _is_lettered(kind) and _COMMON & {label.casefold() for label in kind.labels}:
        return
    for match in _affirmed(body, _patterns(kind).named):
        yield _as_given(match[1] or match[2], kind)


def _by_option(body: str, kind: Label) -> Iterator[str]:
    """Labels whose option's text is said; a text within a longer one that is said is not."""
    said = [f" {normal(sentence)} " for sentence in _SENTENCE.split(body)]
    found = {
        f" {option} ": label
        for label, option in zip(kind.labels, map(normal, kind.options), strict=False)
        if option and any(_says(sentence, f" {option} ") for sentence in said)
    }
    for option, label in found.items():
        if not any(option in other and option != other for other in found):
            yield label


def _says(sentence: str, words: str) -> bool:
    """Whether a sentence says words, given with a space at both ends, and does not rule them out.

    The search is the string's own, which is linear however the two repeat themselves.
    """
    start = sentence.find(words)
    while start >= 0:
        end = start + len(words) - 1
        if _is_affirmed(sentence, start + 1, end):
            return True
        start = sentence.find(words, end)
    return False


def _affirmed(body: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Where sentences say something without ruling it out."""
    for sentence in _SENTENCE.split(body):
        for match in pattern.finditer(sentence):
            if _is_affirmed(sentence, match.start(), match.end()):
                yield match


def _is_affirmed(sentence: str, start: int, end: int) -> bool:
    before = sentence[max(0, start - _CONTEXT) : start]
    return not _RULING_OUT.search(before) and not _RULED_OUT.match(sentence, end)


class _Patterns:
    """Where a kind's labels are found."""

    def __init__(self, kind: Label) -> None:
        either = "|".join(re.escape(label) for label in sorted(kind.labels, key=len, reverse=True))
        start = rf"{_QUOTES}{_CALLED}?{_QUOTES}"
        lettered = _is_lettered(kind)
        flags = _flags(kind)
        # A letter in lower case counts where nothing but its end follows: "c)", "answer is c."
        ended = rf"(?i:{either}){_END}" if lettered else rf"(?:{either})(?:{_END}|{_REASON})"
        reasoned = rf"|(?:{either}){_REASON}" if lettered else ""
        self.opening = re.compile(rf"{start}({ended}{reasoned})", flags)
        one = rf"{_QUOTES}{_CALLED}?{_QUOTES}(?:{either})(?!\w)[\s)\]\"'“”]{{0,6}}"
        self.listed = re.compile(rf"{one}(?:(?:,|/|&|;|\b(?:and|or|oder)\b)\s*{one})+", flags)
        self.each = re.compile(rf"(?<!\w)(?:{either})(?!\w)", flags | re.IGNORECASE)
        self.alone = re.compile(rf"{start}((?i:{either}))[\s)\].:!\"'“”]*")
        self.right = re.compile(
            rf"(?<![\w'])({either})\)?\s+(?:is|seems)\s+(?:therefore\s+|thus\s+)?(?:the\s+)?"
            r"(?:most\s+likely\s+)?(?:correct|right|best|answer)\b",
            flags,
        )
        named = rf"\(({either})\)|\b{_CALLED}\(?({either})(?!\w)"
        self.named = re.compile(named if lettered else rf"\b({either})\b|(?!)()", flags)


@lru_cache
def _patterns(kind: Label) -> _Patterns:
    return _Patterns(kind)


def _flags(kind: Label) -> re.RegexFlag:
    return re.RegexFlag(0) if _is_lettered(kind) else re.IGNORECASE


def _is_lettered(kind: Label) -> bool:
    return all(len(label) == 1 for label in kind.labels)


def _as_given(label: str, kind: Label) -> str:
    return next(each for each in kind.labels if each.casefold() == label.casefold())
