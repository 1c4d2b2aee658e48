"""A document's text in pieces that are searched, shown to a model, and quoted.

A chunk is a span of its text, character for character: what is quoted from it stands in the
document. Sizes: all-MiniLM was trained on 128 word pieces and reads up to 256 to 512, and metier's
embedders read the first 1,500 characters. 200 words are about 270 word pieces of English prose: one
vector covers the chunk, and four chunks with a question fit into a context of 4,096 tokens.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

WORDS = 200
CHARS = 1300
# Tables and code stay whole up to this size; above it they are cut between lines.
WHOLE_CHARS = 3000
# What a long paragraph's pieces have in common: a sentence or two.
OVERLAP_WORDS = 40
# How much of the path of headings is embedded with each chunk.
_ABOVE_CHARS = 150

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
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
        page: counted from 1; None where the document has no pages.
        headings: the path of headings that it stands under, outermost first.
        lines: its first and last line, counted from 1; None where there are pages.
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


@dataclass(frozen=True, slots=True)
class _Block:
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

    def headings() -> tuple[str, ...]:
        return tuple(title for _, title in path)

    for block in _blocks(text, markdown=markdown):
        if block.level:
            if any(not other.level for other in held):
                yield from ((headings(), span) for span in _packed(text, held))
                held = []
            while path and path[-1][0] >= block.level:
                path.pop()
            path.append((block.level, block.title))
        held.append(block)
    yield from ((headings(), span) for span in _packed(text, held))


def _packed(text: str, blocks: list[_Block]) -> Iterator[Span]:
    """The blocks of one section, joined as long as they fit; no heading stands alone."""
    held: Span | None = None
    heads = True  # nothing but headings is held
    for block in blocks:
        for start, end in _pieces(text, block):
            if held is None:
                held = (start, end)
            elif heads or (start >= held[1] and _fits(text, (held[0], end))):
                held = (held[0], end)
            else:
                yield held
                held = (start, end)
            heads = heads and block.level > 0
    if held is not None:
        yield held


def _pieces(text: str, block: _Block) -> list[Span]:
    span = (block.start, block.end)
    if block.whole:
        fits = block.end - block.start <= WHOLE_CHARS
        return [span] if fits else _cut_lines(text, span, WHOLE_CHARS)
    return [span] if _fits(text, span) else _cut_sentences(text, span)


def _fits(text: str, span: Span) -> bool:
    start, end = span
    if end - start > CHARS:
        return False
    return sum(1 for _ in _WORD.finditer(text, start, end)) <= WORDS


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


def _cut_sentences(text: str, span: Span) -> list[Span]:
    """A long paragraph in pieces of whole sentences that overlap."""
    atoms: list[Span] = []
    for sentence in _sentences(text, span):
        atoms += [sentence] if _fits(text, sentence) else _cut_words(text, sentence, CHARS)
    pieces: list[Span] = []
    first = 0
    for n, (_, end) in enumerate(atoms):
        if n > first and not _fits(text, (atoms[first][0], end)):
            pieces.append((atoms[first][0], atoms[n - 1][1]))
            first = _overlapping(text, atoms, first, n)
    pieces.append((atoms[first][0], atoms[-1][1]))
    return pieces


def _overlapping(text: str, atoms: list[Span], first: int, n: int) -> int:
    """Where the piece after atoms[first:n] begins: a little before n, so that n still fits."""
    start = n
    while start - 1 > first:
        shared = (atoms[start - 1][0], atoms[n - 1][1])
        words = sum(1 for _ in _WORD.finditer(text, *shared))
        if words > OVERLAP_WORDS or not _fits(text, (shared[0], atoms[n][1])):
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
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _blocks(text: str, *, markdown: bool) -> Iterator[_Block]:
    """Paragraphs, and in Markdown headings, tables and fenced code too; no blank lines."""
    lines: list[Span] = []
    fence = ""
    for match in re.finditer(r"[^\n]+\n?|\n", text):
        line = text[match.start() : match.end()]
        span = (match.start(), match.end())
        if fence:
            lines.append(span)
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                yield _block(text, lines, whole=True)
                lines, fence = [], ""
        elif not line.strip():
            yield from _closed(text, lines)
            lines = []
        elif markdown and (opened := _FENCE.match(line)):
            yield from _closed(text, lines)
            lines, fence = [span], opened[1]
        elif markdown and (heading := _HEADING.match(line.rstrip("\n"))):
            yield from _closed(text, lines)
            yield _block(text, [span], level=len(heading[1]), title=heading[2])
            lines = []
        elif markdown and len(lines) == 1 and (under := _UNDERLINE.match(line.rstrip("\n"))):
            title = text[slice(*lines[0])].strip()
            level = 1 if under[1][0] == "=" else 2
            yield _block(text, [*lines, span], level=level, title=title)
            lines = []
        else:
            lines.append(span)
    yield from _closed(text, lines, whole=bool(fence))


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
    return _Block(start=start, end=end, level=level, title=title, whole=whole)
