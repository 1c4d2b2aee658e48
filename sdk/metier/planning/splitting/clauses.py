"""Cut a question with several needs into clauses, by its grammar."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from metier.planning.splitting import wording as words
from metier.planning.splitting.sections import sections

# A longer text is a document, not a list of requests.
MAX_CHARS = 10_000
# Quotations, brackets and code belong whole to the clause around them.
_WHOLE = re.compile(
    r"```(?s:.*?)```|^(?:def \w+\(|class \w+[:(]|import \w|from \S+ import ).*(?:\n(?:[ \t].*)?)*"
    r"|`[^`\n]+`|\"[^\"\n]*\"|“[^“”\n]*”|(?<!\w)‘[^‘’\n]*’(?!\w)|\([^()\n]*\)"
    r"|(?<!\w)'(?:[^'\n]|(?<=\w)'(?=\w))+'(?!\w)",
    re.MULTILINE,
)
_QUOTED = re.compile(r"\"([^\"]+)\"")
_MASK = "\ue000{}\ue001"
_NO_MASKS = {0xE000: None, 0xE001: None}
_MASKED = re.compile("\ue000(\\d+)\ue001")

_SENTENCE_END = re.compile(
    r"(?<=[.?!])[\"')\]\ue001]*\s(?=[\"'(\[]*[A-Z0-9ÄÖÜÉÈÀ\ue000])|(?<=[?!])\s(?=\w)"
)
_LIST_MARK = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")
# `do this: 1. call, 2. write`
_INLINE_MARK = re.compile(r"(?:(?<=[:;,.])|(?<=\sand))\s(?:\(?(\d)[.)])\s(?=[A-Za-z\ue000])")
_ABBREVIATIONS = re.compile(
    r"\b(?:e\.g|i\.e|vs|dr|mr|mrs|ms|prof|no|approx|etc|fig|eq|st|v)\.$", re.I
)


class ClauseKind(Enum):
    """What a piece of a sentence does."""

    STATEMENT = auto()
    WISH = auto()
    QUESTION = auto()
    ORDER = auto()
    ADDS_NOTHING = auto()


_REQUESTS = (ClauseKind.QUESTION, ClauseKind.ORDER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A piece of a question that asks for one thing, with the statements that lead to it.

    Attributes:
        apart: whether the user separated it from the others, as a task of its own.
    """

    text: str
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a sentence.

    Attributes:
        cut: whether it follows another piece of the same sentence.
        marked: whether a word such as `also` or `then` marks it as something new.
    """

    text: str
    kind: ClauseKind
    cut: bool
    marked: bool


def clauses(question: str) -> tuple[Clause, ...]:
    """Return the requests in a question, in order; a question with one request is one clause.

    Statements go with the request after them (the last ones with the one before), so a word problem
    of several sentences stays whole. Code, quotations, brackets, and texts of more than 10,000
    characters are never cut.
    """
    if len(question) > MAX_CHARS:
        return (Clause(text=question.strip()),) if question.strip() else ()
    if apart := set_apart(question):
        return tuple(Clause(text=text, apart=True) for text in apart)
    text, kept = masked(question)
    if words.EXAM.search(text):
        return (Clause(text=question.strip()),)
    grouped = _grouped(pieces(text))
    if len(grouped) < 2:
        return (Clause(text=question.strip()),) if question.strip() else ()
    return tuple(Clause(text=unmasked(group, kept)) for group in grouped)


def set_apart(question: str) -> tuple[str, ...]:
    """Return the requests that the user separated (see `sections`); none if fewer than two."""
    return sections(question, asks=_asks) if len(question) <= MAX_CHARS else ()


def _asks(text: str) -> bool:
    text, _ = masked(text)
    return bool(words.EXAM.search(text)) or any(
        piece.kind is not ClauseKind.STATEMENT for piece in pieces(text)
    )


def masked(question: str) -> tuple[str, list[str]]:
    """Replace what must not be cut with marks; also return what they stand for."""
    kept: list[str] = []

    def mask(match: re.Match[str]) -> str:
        kept.append(match[0])
        return _MASK.format(len(kept) - 1)

    quoted = _QUOTED.fullmatch(question.strip())
    text = _WHOLE.sub(mask, (quoted[1] if quoted else question).translate(_NO_MASKS))
    return "\n".join(" ".join(line.split()) for line in text.splitlines()), kept


def pieces(text: str) -> list[Piece]:
    """Return the sentences of a masked text, cut where a new request begins."""
    return [piece for sentence in _sentences(text) for piece in _cut_inside(sentence)]


def unmasked(text: str, kept: list[str]) -> str:
    """Put back what was masked."""

    def unmask(match: re.Match[str]) -> str:
        whole = kept[int(match[1])]
        return f"\n{whole}\n" if whole.startswith("```") else whole

    return _MASKED.sub(unmask, text).strip()


def _sentences(text: str) -> Iterator[str]:
    for line in filter(None, _listed(text).splitlines()):
        waiting: list[str] = []
        for piece in _SENTENCE_END.split(_LIST_MARK.sub("", line).strip()):
            waiting.append(piece)
            if not _ABBREVIATIONS.search(piece[-12:]):
                yield " ".join(waiting)
                waiting = []
        if waiting:
            yield " ".join(waiting)


def _listed(text: str) -> str:
    """Break a list inside a line into lines."""
    marks = [match[1] for match in _INLINE_MARK.finditer(text)]
    return _INLINE_MARK.sub("\n", text) if marks[:2] == ["1", "2"] else text


def _cut_inside(sentence: str) -> list[Piece]:
    """Cut `do this, and say that` into two pieces if both sides are requests."""
    first = _first_request(sentence)
    bounds = _Bounds(sentence)
    found: list[Piece] = []
    start, marked = 0, False
    for match in words.CUT.finditer(sentence) if first is not None else ():
        if match.start() > (first or 0) and bounds.may_cut(match, start):
            found.append(_piece(sentence[start : match.start()], cut=bool(found), marked=marked))
            start, marked = match.end(), match["mark"] is not None
    return [*found, _piece(sentence[start:], cut=bool(found), marked=marked)]


class _Bounds:
    """The places in a sentence after which a verb asks for nothing new."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._asked = words.ASKED.match(sentence) is not None
        self._meant, self._subclauses, self._purposes = (
            [match.start() for match in found.finditer(sentence)]
            for found in (words.MEANT_FOR, words.SUBCLAUSE, words.PURPOSE)
        )

    def may_cut(self, match: re.Match[str], start: int) -> bool:
        """Whether the piece that begins at `start` may end where `CUT` matched."""
        joined, mark, end = match["and"] or "", match["mark"], match.start()
        before = self._sentence[max(start, end - 40) : end]
        if " " not in before.strip() or words.NO_OBJECT.search(before):
            return False
        if match["verb"]:
            return not self._holds(match, start)
        if match["gerund"]:
            return "follow" in joined or bool(joined and mark)
        if match["question"]:
            return bool(joined) and self._asked
        return bool(mark) or bool(joined and "but" not in joined)

    def _holds(self, match: re.Match[str], start: int) -> bool:
        end = match.start()
        if _any_within(self._meant, start, end):
            return True
        if not match["mark"] and _any_within(self._subclauses, start, end):
            return True
        bare = match[0].lower() == " and " and not words.TO_ME.match(self._sentence, match.end())
        return bare and _any_within(self._purposes, start, end)


def _first_request(sentence: str) -> int | None:
    """Where a sentence begins to ask for something."""
    if words.IMPERATIVE.match(sentence) or words.QUESTION.match(sentence) or sentence.endswith("?"):
        return 0
    found = [
        match.start()
        for match in (words.WISHES.search(sentence), words.ASKS.search(sentence))
        if match
    ]
    return min(found, default=None)


def _any_within(places: Sequence[int], start: int, end: int) -> bool:
    return bisect_left(places, start) < bisect_left(places, end)


def _piece(text: str, *, cut: bool, marked: bool) -> Piece:
    text = text.strip()
    marked = marked or words.MARKED.match(text) is not None
    return Piece(text, _kind(text, cut=cut, marked=marked), cut, marked)


def _kind(text: str, *, cut: bool, marked: bool) -> ClauseKind:
    if not marked and (words.ADDS_NOTHING.match(text) or (cut and words.HANDS_OVER.match(text))):
        return ClauseKind.ADDS_NOTHING
    if text.endswith("?") or words.QUESTION.match(text):
        return ClauseKind.QUESTION
    if words.WISHES.match(text):
        return ClauseKind.WISH
    if cut or words.IMPERATIVE.match(text) or words.ASKS.search(text):
        return ClauseKind.ORDER
    return ClauseKind.WISH if words.WISHES.search(text) else ClauseKind.STATEMENT


def _grouped(pieces: Sequence[Piece]) -> list[str]:
    groups: list[list[str]] = []
    waiting: list[str] = []
    last = pieces[0] if pieces else None
    for piece in pieces:
        if last and groups and not waiting and _says_more(piece, last):
            groups[-1].append(f"and {piece.text}" if piece.cut else piece.text)
            last = piece if last.kind is ClauseKind.WISH and piece.kind in _REQUESTS else last
            continue
        # `… ? Also, the dose of metformin` asks, although it is not a sentence.
        added = last is not None and bool(groups) and not waiting and _added(piece, last)
        waiting.append(piece.text)
        if added or piece.kind is not ClauseKind.STATEMENT:
            groups.append(waiting)
            waiting = []
            last = piece
    if groups:
        groups[-1].extend(waiting)
    return [" ".join(group) for group in groups or [waiting]]


def _added(piece: Piece, last: Piece) -> bool:
    return piece.marked and not piece.cut and last.text.endswith("?")


def _says_more(piece: Piece, last: Piece) -> bool:
    """Whether a piece only says more about the request before it."""
    if piece.marked:
        return False
    match last.kind:
        case ClauseKind.WISH if not piece.cut and words.SAME_AGAIN.match(piece.text):
            return True
        case ClauseKind.QUESTION if piece.kind is ClauseKind.WISH:
            return True
        case ClauseKind.QUESTION if words.WHETHER.match(last.text) and words.FOR_ME.match(
            piece.text
        ):
            return not piece.cut
        case ClauseKind.ORDER if piece.kind is not ClauseKind.ORDER and words.ANNOUNCES.search(
            last.text
        ):
            return True
    return piece.kind is ClauseKind.ADDS_NOTHING
