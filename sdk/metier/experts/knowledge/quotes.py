"""Is a quote in the source, word for word? What a model puts in quotation marks is looked up.

Only what changes no word is made alike: white space, the shape of quotation marks, words that a
line end hyphenates. A capital letter, a dash for a hyphen or a number with other digits is another
text. A full stop or comma at the very end is the writer's own (it stands inside the marks by
convention) and is not compared; what is shown are the source's own words anyway.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from metier.answer import Source
from metier.experts.knowledge.chunks import Chunk, Span

# Three words in a row ("in the morning") stand somewhere in any long text, so that finding them
# proves nothing; and what is shorter is mostly a term in quotation marks, no quote.
MIN_WORDS = 4
UNVERIFIED = "[not found in the documents]"

# A hyphen at a line's end between letters: it may or may not belong to the word.
_BREAK = "\x00"
# What is written in several ways: such a hyphen; one before a digit, which stays while the line's
# end goes ("20-" and "30 mg" below it); white space.
_WAYS = re.compile(
    r"(?P<hyphen>(?<=[^\W\d_])[-\u2010\u00ad][ \t]*\n\s*(?=[^\W\d_]))"
    r"|(?P<dash>(?<=\S)-[ \t]*\n\s*(?=\d))"
    r"|(?P<space>\s+)"
)
_AS = {"hyphen": _BREAK, "dash": "-", "space": " "}
_QUOTES = str.maketrans("“”„«»‘’‚", '"""""\'\'\'')
_WORD = re.compile(r"\w+")
# What may stand between white space and a word that is whole all the same.
_OPENING = "\"'([{*_"
_CLOSING = "\"')]}*_.,;:!?…"
_WRITERS_END = " .,;:!?…"
# A hyphen that the source or the quote may lack, with the space that may follow it.
_HYPHEN = re.compile(rf"{_BREAK}|-(?: (?=\w))?")
# How many characters are compared before a quote counts as not found in a text: repetitions, in
# which it nearly stands everywhere, would take the square of their length.
_COMPARED = 1_000_000

_MARKED = re.compile(
    r"“([^“”]+)”|„([^„“”]+)[“”]|«([^«»]+)»|\"([^\"]+)\"",
)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_BLOCK_QUOTE = re.compile(r"(?:^[ \t]*+>[^\n]*+(?:\n|\Z))++", re.MULTILINE)
_ARROW = re.compile(r"^[ \t]*>[ \t]?", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A quote that stands in a chunk.

    Attributes:
        start: where it begins in the chunk's text; `end` is exclusive.
        words: the quote in one line; at a line's end hyphenated as the quote has it.
    """

    chunk: Chunk
    start: int
    end: int
    words: str

    @property
    def quote(self) -> str:
        """The source's own words, as they stand there."""
        return self.chunk.text[self.start : self.end]

    @property
    def source(self) -> Source:
        """File, place and words, for an answer's sources."""
        return Source(
            name=self.chunk.name,
            place=self.chunk.place_of(self.start, self.end),
            quote=self.words,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """Words in quotation marks, or in lines that begin with `>`.

    Attributes:
        start: where the marks begin in the text; `end` is exclusive.
        words: what stands between them.
        block: whether it is lines with `>`.
    """

    start: int
    end: int
    words: str
    block: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A text whose quotes were looked up.

    Attributes:
        text: verified quotes in the source's words with their number, the others without their
            quotation marks and marked.
        citations: the verified ones; the number in the text counts them from 1.
        unverified: the words of the others.
    """

    text: str
    citations: tuple[Citation, ...]
    unverified: tuple[str, ...]


def verified(quote: str, chunks: Iterable[Chunk], *, min_words: int = MIN_WORDS) -> Citation | None:
    """The place where a quote stands word for word, or None.

    The first chunk that has it is named. Parts of words do not count: "safe in pregnancy" does not
    stand in "unsafe in pregnancy", nor "at most 1" in "at most 1.5".

    Args:
        min_words: quotes with fewer words are never verified.
    """
    return _found(quote, [_Source(chunk) for chunk in chunks], min_words)


def quotes_in(text: str, *, min_words: int = MIN_WORDS) -> list[Quoted]:
    """The quotes in a model's text, in their order; what is in code is none."""
    code = [match.span() for match in _CODE.finditer(text)]
    blocks: list[Span] = []
    found: list[Quoted] = []
    for match in _BLOCK_QUOTE.finditer(text):
        end = match.end() - match[0].endswith("\n")
        words = _ARROW.sub("", text[match.start() : end]).strip().strip('"“”„«»')
        found.append(Quoted(start=match.start(), end=end, words=words, block=True))
        blocks.append(match.span())
    for paragraph in re.finditer(r"(?:[^\n]+\n?)+", text):
        for match in _MARKED.finditer(text, *paragraph.span()):
            if not (_touches(code, match.span()) or _touches(blocks, match.span())):
                words = next(group for group in match.groups() if group is not None)
                found.append(Quoted(start=match.start(), end=match.end(), words=words))
    long = [quoted for quoted in found if len(_WORD.findall(quoted.words)) >= min_words]
    return sorted(long, key=lambda quoted: quoted.start)


def check_quotes(text: str, chunks: Sequence[Chunk], *, min_words: int = MIN_WORDS) -> Checked:
    """Look every quote of a text up, put the source's words in its place, and mark the others."""
    citations: dict[Citation, int] = {}
    unverified: list[str] = []
    pieces: list[str] = []
    at = 0
    sources = [_Source(chunk) for chunk in chunks]
    for quoted in quotes_in(text, min_words=min_words):
        pieces.append(text[at : quoted.start])
        citation = _found(quoted.words, sources, min_words)
        if citation is None:
            unverified.append(quoted.words)
            pieces.append(f"{quoted.words} {UNVERIFIED}")
        else:
            number = citations.setdefault(citation, len(citations) + 1)
            sign = "> " if quoted.block else ""
            pieces.append(f"{sign}“{citation.words}” [{number}]")
        at = quoted.end
    pieces.append(text[at:])
    return Checked(text="".join(pieces), citations=tuple(citations), unverified=tuple(unverified))


def _plain(text: str) -> tuple[str, list[int]]:
    """A text as it is compared, and where each of its characters stands in the original."""
    text = text.replace(_BREAK, "\ufffd")  # the sign is ours here
    pieces: list[str] = []
    offsets: list[int] = []
    at = 0
    for match in _WAYS.finditer(text):
        pieces += [text[at : match.start()], _AS[match.lastgroup or ""]]
        offsets += range(at, match.start() + 1)
        at = match.end()
    pieces.append(text[at:])
    offsets += range(at, len(text))
    return "".join(pieces).translate(_QUOTES), offsets


class _Source:
    """A chunk as quotes are looked up in it, made once for all of them."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.text, self._offsets = _plain(chunk.text)
        self._bare, self._places = _bare(self.text)

    def found(self, wanted: str) -> Span | None:
        """Where a plain text stands in the chunk, word for word.

        It is looked for without its hyphens first. Where that does not stand, the text does not
        either, and where it does only the hyphens are left to compare.
        """
        bare, places = _bare(wanted)
        before = places[0]  # hyphens that the text begins with
        compared = 0
        at = self._bare.find(bare)
        while at >= 0 and compared < _COMPARED:
            first = self._places[at] - before
            # The last of them may have a space after it that the source lacks.
            for start in (first, first + 1) if before else (first,):
                end = _same(wanted, self.text, start) if self._begins_word(start) else None
                if end is not None and self._ends_word(end):
                    return self._offsets[start], self._offsets[end - 1] + 1
            compared += len(wanted)
            at = self._bare.find(bare, at + 1)
        return None

    def _begins_word(self, start: int) -> bool:
        """Whether only punctuation stands between it and the white space before it."""
        if start < 0:
            return False
        while start > 0 and self.text[start - 1] in _OPENING:
            start -= 1
        return start == 0 or self.text[start - 1] == " "

    def _ends_word(self, end: int) -> bool:
        while end < len(self.text) and self.text[end] in _CLOSING:
            end += 1
        return end == len(self.text) or self.text[end] == " "


def _found(quote: str, sources: Sequence[_Source], min_words: int) -> Citation | None:
    plain, _ = _plain(quote)
    wanted = plain.strip().rstrip(_WRITERS_END)
    if len(_WORD.findall(wanted)) < max(min_words, 1):
        return None
    for source in sources:
        span = source.found(wanted)
        if span is not None:
            start, end = span
            words = wanted.replace(_BREAK, "")
            return Citation(chunk=source.chunk, start=start, end=end, words=words)
    return None


def _bare(plain: str) -> tuple[str, list[int]]:
    """A plain text without its hyphens, and where each of its characters stands in it."""
    pieces: list[str] = []
    places: list[int] = []
    at = 0
    for match in _HYPHEN.finditer(plain):
        pieces.append(plain[at : match.start()])
        places += range(at, match.start())
        at = match.end()
    pieces.append(plain[at:])
    places += range(at, len(plain))
    return "".join(pieces), places


def _same(wanted: str, text: str, start: int) -> int | None:
    """Where a plain text ends that begins here; None if another one stands here.

    A hyphen at a line's end, on either side, is read in every way.
    """
    at, n = start, 0
    while n < len(wanted):
        sign, other = wanted[n], text[at : at + 1]
        if sign == other:
            at, n = at + 1, n + 1
        elif sign == _BREAK:
            hyphen = _HYPHEN.match(text, at)
            at, n = hyphen.end() if hyphen else at, n + 1
        elif other != _BREAK:
            return None
        elif sign == "-":
            hyphen = _HYPHEN.match(wanted, n)
            at, n = at + 1, hyphen.end() if hyphen else n + 1
        elif sign.isalpha() and wanted[n - 1 : n].isalpha():
            at += 1
        else:
            return None
    return at


def _touches(spans: Sequence[Span], span: Span) -> bool:
    """Whether one of these spans, which are in order, has something in common with another one."""
    n = bisect_right(spans, span[0], key=itemgetter(1))
    return n < len(spans) and spans[n][0] < span[1]
