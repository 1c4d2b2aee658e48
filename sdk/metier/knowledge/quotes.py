"""Is a quote in the source, word for word? What a model puts in quotation marks is looked up.

Only what changes no word is made alike: white space, the shape of quotation marks, words that a
line end hyphenates. A capital letter, a dash for a hyphen or a number with other digits is another
text. A full stop or comma at the very end is the writer's own (it stands inside the marks by
convention) and is not compared; what is shown are the source's own words anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from metier.answer import Source
from metier.knowledge.chunks import Chunk

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
_WRITERS_END = re.compile(r"[\s.,;:!?…]+$")

_MARKED = re.compile(
    r"“([^“”]+)”|„([^„“”]+)[“”]|«([^«»]+)»|\"([^\"]+)\"",
)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_BLOCK_QUOTE = re.compile(r"(?:^[ \t]*>[^\n]*(?:\n|\Z))+", re.MULTILINE)
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
    plain, _ = _plain(quote)
    wanted = _WRITERS_END.sub("", plain.strip())
    if len(_WORD.findall(wanted)) < min_words:
        return None
    pattern = _pattern(wanted)
    for chunk in chunks:
        text, offsets = _plain(chunk.text)
        for match in pattern.finditer(text):
            if _whole_words(text, *match.span()):
                start, end = offsets[match.start()], offsets[match.end() - 1] + 1
                words = wanted.replace(_BREAK, "")
                return Citation(chunk=chunk, start=start, end=end, words=words)
    return None


def quotes_in(text: str, *, min_words: int = MIN_WORDS) -> list[Quoted]:
    """The quotes in a model's text, in their order; what is in code is none."""
    hidden = [match.span() for match in _CODE.finditer(text)]
    found: list[Quoted] = []
    for match in _BLOCK_QUOTE.finditer(text):
        end = match.end() - match[0].endswith("\n")
        words = _ARROW.sub("", text[match.start() : end]).strip().strip('"“”„«»')
        found.append(Quoted(start=match.start(), end=end, words=words, block=True))
        hidden.append(match.span())
    for paragraph in re.finditer(r"(?:[^\n]+\n?)+", text):
        for match in _MARKED.finditer(text, *paragraph.span()):
            if not any(start < match.end() and match.start() < end for start, end in hidden):
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
    for quoted in quotes_in(text, min_words=min_words):
        pieces.append(text[at : quoted.start])
        citation = verified(quoted.words, chunks, min_words=min_words)
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


def _pattern(wanted: str) -> re.Pattern[str]:
    """Finds a plain text; a hyphen at a line's end, on either side, is read in every way."""
    parts: list[str] = []
    tokens = re.findall(rf"- (?=\w)|{_BREAK}|.", wanted, re.DOTALL)
    for n, token in enumerate(tokens):
        if token == _BREAK:
            parts.append(f"(?:{_BREAK}|- ?)?")
        elif token in ("-", "- "):
            parts.append(f"(?:{re.escape(token)}|{_BREAK})")
        else:
            parts.append(re.escape(token))
            after = tokens[n + 1] if n + 1 < len(tokens) else " "
            if token.isalpha() and after.isalpha():
                parts.append(f"{_BREAK}?")
    return re.compile("".join(parts))


def _whole_words(text: str, start: int, end: int) -> bool:
    """Whether no word is cut at either end: only punctuation stands between it and white space."""
    before = text[text.rfind(" ", 0, start) + 1 : start]
    after = text[end : end + len(text[end:].partition(" ")[0])]
    return not before.strip(_OPENING) and not after.strip(_CLOSING)
