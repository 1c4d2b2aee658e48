"""A document's text in pieces that are searched, shown to a model, and quoted.

A chunk is a span of its text, character for character: what is quoted from it stands in the
document. Sizes: all-MiniLM was trained on 128 word pieces and reads up to 256 to 512, and metier's
embedders read the first 1,500 characters. 200 words are about 270 word pieces of English prose: one
vector covers the chunk, and four chunks with a question fit into a context of 4,096 tokens.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

WORDS = 200
CHARS = 1300
# Tables and code stay whole up to this size; above it they are cut between lines.
WHOLE_CHARS = 3000
# What a long paragraph's pieces have in common: a sentence or two. Text without spaces, such as
# Japanese, is one word of any length.
OVERLAP_WORDS = 40
OVERLAP_CHARS = 400
# How much of the path of headings is embedded with each chunk, and of one heading kept with it.
_ABOVE_CHARS = 150
_TITLE_CHARS = 200

# None of these reads a line more than once, whatever is in it.
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+")
_UNDERLINE = re.compile(r" {0,3}(=++|-++)[ \t]*+$")
# By the first sign of the line; with its level.
_UNDERLINES = {"=": 1, "-": 2}
_FENCES = frozenset("`~")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_SENTENCE_END = re.compile(r"""[.!?…。！？]["'”’»)\]]*(?:\s+|(?<=[。！？]))""")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|vs|approx|Dr|Mr|Mrs|Ms|Prof|St|Fig|No|Nr|max|min|resp|z\.\s?B|d\.\s?h|ca|p)"
    r"|\b[A-Z])\.\s+$"
)
_WORD = re.compile(r"\S+")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A span of a document's text.

    Attributes:
        name: the document, as it is cited.
        text: the span itself.
        start: where it begins, in characters of its page, or of the whole text where there are no
            pages.
        page: counted from 1; None if the document has no pages.
        headings: the path of headings that it stands under, outermost first.
        lines: its first and last line, counted from 1; None if there are pages.
    """

    name: str
    text: str
    start: int
    page: int | None = None
    headings: tuple[str, ...] = ()
    lines: tuple[int, int] | None = None

    @property
    def end(self) -> int:
        """Where it ends, exclusive."""
        return self.start + len(self.text)

    @property
    def place(self) -> str:
        """Where it stands: its page, or its headings and lines."""
        return self.place_of(0, len(self.text))

    def place_of(self, start: int, end: int) -> str:
        """Where a part of its text stands."""
        if self.page is not None:
            return f"page {self.page}"
        parts = [" › ".join(self.headings)] if self.headings else []
        if self.lines is not None:
            first = self.lines[0] + self.text.count("\n", 0, start)
            last = first + self.text.count("\n", start, end)
            parts.append(f"line {first}" if first == last else f"lines {first}–{last}")
        return ", ".join(parts)


class _Block(NamedTuple):
    """A run of lines that belong together."""

    start: int
    end: int
    level: int = 0  # of a heading
    title: str = ""
    whole: bool = False  # a table or code


def chunked(
    text: str, *, name: str, page: int | None = None, markdown: bool = False
) -> list[Chunk]:
    """The chunks of a text, in its order; together they hold all of it but blank lines.

    Args:
        page: the page that the text is.
        markdown: whether its headings, tables and fenced code are to be seen.
    """
    newlines = [match.end() for match in re.finditer("\n", text)]
    chunks: list[Chunk] = []
    for headings, (start, end) in _sections(text, markdown=markdown):
        lines = None
        if page is None:
            first = bisect_right(newlines, start) + 1
            lines = (first, first + text.count("\n", start, end))
        chunks.append(
            Chunk(
                name=name,
                text=text[start:end],
                start=start,
                page=page,
                headings=headings,
                lines=lines,
            )
        )
    return chunks


def windows(chunk: Chunk) -> list[str]:
    """What is embedded of a chunk: its headings with its text, a long one in several parts."""
    above = " › ".join(chunk.headings)[-_ABOVE_CHARS:]
    spans = [(0, len(chunk.text))]
    if len(chunk.text) > CHARS:
        spans = _cut_lines(chunk.text, spans[0], CHARS)
    return [f"{above}\n{chunk.text[start:end]}".lstrip() for start, end in spans]


def _sections(text: str, *, markdown: bool) -> Iterator[tuple[tuple[str, ...], Span]]:
    """Spans of chunks with the headings that they stand under."""
    path: list[tuple[int, str]] = []
    held: list[_Block] = []
    words = _Words(text)

    def packed() -> Iterator[tuple[tuple[str, ...], Span]]:
        headings = tuple(title for _, title in path if title)
        return ((headings, span) for span in _packed(words, held))

    for block in _blocks(text, markdown=markdown):
        if block.level:
            if held and not held[-1].level:
                yield from packed()
                held = []
            while path and path[-1][0] >= block.level:
                path.pop()
            path.append((block.level, block.title))
        held.append(block)
    yield from packed()


class _Words:
    """The words of a text, so that those of a span are counted without reading it again."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [match.start() for match in _WORD.finditer(text)]

    def count(self, start: int, end: int) -> int:
        """How many words a span has, the cut ones at its ends included."""
        first = bisect_left(self._starts, start)
        begins = self._starts[first : first + 1] == [start]
        cut = start < end and not begins and not self.text[start].isspace()
        return bisect_left(self._starts, end) - first + cut


def _packed(words: _Words, blocks: list[_Block]) -> Iterator[Span]:
    """The blocks of one section, joined as long as they fit.

    No heading stands alone, unless so many follow each other that they fill a chunk.
    """
    held: Span | None = None
    heads = True  # nothing but headings is held
    for block in blocks:
        for start, end in _pieces(words, block):
            if held is None:
                held = (start, end)
            elif (heads and not block.level) or (start >= held[1] and _fits(words, (held[0], end))):
                held = (held[0], end)
            else:
                yield held
                held = (start, end)
            heads = heads and block.level > 0
    if held is not None:
        yield held


def _pieces(words: _Words, block: _Block) -> list[Span]:
    span = (block.start, block.end)
    if block.whole:
        fits = block.end - block.start <= WHOLE_CHARS
        return [span] if fits else _cut_lines(words.text, span, WHOLE_CHARS)
    return [span] if _fits(words, span) else _cut_sentences(words, span)


def _fits(words: _Words, span: Span) -> bool:
    start, end = span
    return end - start <= CHARS and words.count(start, end) <= WORDS


def _cut_lines(text: str, span: Span, most: int) -> list[Span]:
    """A span in pieces of whole lines; a line that is too long is cut at words."""
    start, end = span
    pieces: list[Span] = []
    for line in re.finditer(r"[^\n]+\n?|\n", text[start:end]):
        first, last = start + line.start(), start + line.end()
        if pieces and last - pieces[-1][0] <= most:
            pieces[-1] = (pieces[-1][0], last)
        elif last - first <= most:
            pieces.append((first, last))
        else:
            pieces += _cut_words(text, (first, last), most)
    return [piece for piece in (_stripped(text, piece) for piece in pieces) if piece[0] < piece[1]]


def _cut_sentences(words: _Words, span: Span) -> list[Span]:
    """A long paragraph in pieces of whole sentences that overlap."""
    atoms: list[Span] = []
    for sentence in _sentences(words.text, span):
        fits = _fits(words, sentence)
        atoms += [sentence] if fits else _cut_words(words.text, sentence, CHARS)
    pieces: list[Span] = []
    first = 0
    for n, (_, end) in enumerate(atoms):
        if n > first and not _fits(words, (atoms[first][0], end)):
            pieces.append((atoms[first][0], atoms[n - 1][1]))
            first = _overlapping(words, atoms, first, n)
    pieces.append((atoms[first][0], atoms[-1][1]))
    return pieces


def _overlapping(words: _Words, atoms: list[Span], first: int, n: int) -> int:
    """Where the piece after atoms[first:n] begins: a little before n, so that n still fits."""
    start = n
    while start - 1 > first:
        shared = (atoms[start - 1][0], atoms[n - 1][1])
        short = shared[1] - shared[0] <= OVERLAP_CHARS and words.count(*shared) <= OVERLAP_WORDS
        if not (short and _fits(words, (shared[0], atoms[n][1]))):
            break
        start -= 1
    return start


def _sentences(text: str, span: Span) -> list[Span]:
    start, end = span
    ends = [
        match.end()
        for match in _SENTENCE_END.finditer(text, start, end)
        if not _ABBREVIATION.search(text, max(start, match.end() - 12), match.end())
        and _begins_sentence(text, match.end(), end)
    ]
    borders = [start, *(border for border in ends if start < border < end), end]
    return [_stripped(text, pair) for pair in pairwise(borders)]


def _begins_sentence(text: str, at: int, end: int) -> bool:
    """A small letter goes on with the sentence: the full stop was an abbreviation's."""
    return at >= end or not text[at].islower()


def _cut_words(text: str, span: Span, most: int) -> list[Span]:
    """A sentence that is too long, between words; a word that is too long, anywhere."""
    pieces: list[Span] = []
    count = 0
    for match in _WORD.finditer(text, *span):
        for start in range(match.start(), match.end(), most):
            end = min(match.end(), start + most)
            if pieces and count < WORDS and end - pieces[-1][0] <= most:
                pieces[-1], count = (pieces[-1][0], end), count + 1
            else:
                pieces.append((start, end))
                count = 1
    return pieces


def _stripped(text: str, span: Span) -> Span:
    start, end = span
    kept = text[start:end].lstrip()
    start = end - len(kept)
    return start, start + len(kept.rstrip())


def _blocks(text: str, *, markdown: bool) -> Iterator[_Block]:
    """Paragraphs, and in Markdown headings, tables and fenced code too; no blank lines."""
    lines: list[Span] = []
    fence = ""
    for match in re.finditer(r"[^\n]+\n?|\n", text):
        line = match[0]
        span = match.span()
        said = line.strip()
        sign = said[:1] if markdown else ""
        if fence:
            lines.append(span)
            if said.startswith(fence) and not said.strip(fence[0]):
                yield _block(text, lines, whole=True)
                lines, fence = [], ""
        elif not said:
            yield from _closed(text, lines)
            lines = []
        elif sign in _FENCES and (opened := _FENCE.match(line)):
            yield from _closed(text, lines)
            lines, fence = [span], opened[1]
        elif sign == "#" and (heading := _heading(line)):
            yield from _closed(text, lines)
            yield _block(text, [span], level=heading[0], title=heading[1])
            lines = []
        elif sign in _UNDERLINES and len(lines) == 1 and _UNDERLINE.match(line.rstrip("\n")):
            title = text[slice(*lines[0])].strip()
            yield _block(text, [*lines, span], level=_UNDERLINES[sign], title=title)
            lines = []
        else:
            lines.append(span)
    yield from _closed(text, lines, whole=bool(fence))


def _heading(line: str) -> tuple[int, str] | None:
    """Level and title of a line that begins with number signs; the title may be empty."""
    marked = _HEADING.match(line)
    if marked is None:
        return None
    return len(marked[1]), line[marked.end() :].rstrip().rstrip("#").rstrip()


def _closed(text: str, lines: list[Span], *, whole: bool = False) -> Iterator[_Block]:
    if lines:
        table = len(lines) > 1 and all("|" in text[start:end] for start, end in lines)
        block = _block(text, lines, whole=whole or table)
        if block.start < block.end:
            yield block


def _block(
    text: str, lines: list[Span], *, level: int = 0, title: str = "", whole: bool = False
) -> _Block:
    start, end = _stripped(text, (lines[0][0], lines[-1][1]))
    return _Block(start=start, end=end, level=level, title=title[:_TITLE_CHARS], whole=whole)
