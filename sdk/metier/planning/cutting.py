"""Where a question may be cut: at punctuation, line breaks, list marks and joining words.

It finds too many places on purpose: the splitter decides which of them separate needs. Nothing here
knows a verb or a noun of any language.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from metier.planning.splitting.code import FENCED, programs
from metier.planning.splitting.exam import options

if TYPE_CHECKING:
    from metier.planning.openings import Openings

# A longer text is a document, not a list of requests.
MAX_CHARS = 10_000
_TELLING = 5
# The maximum number of pieces: the weakest cuts are dropped first.
MAX_PIECES = 14
# A text with this many sentences tells a story, and its sentences are not cut.
_STORY = 5


class Sign(IntEnum):
    """The separator between two pieces, the weakest first."""

    NONE = 0
    JOINT = 1
    COMMA = 2
    COLON = 3
    SENTENCE = 4
    LINE = 5
    MARK = 6
    PARAGRAPH = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a question between two places where it may be cut.

    Attributes:
        start, end: the place of its words in the question, without joints and marks.
        sign: the separator before it.
        joint: whether a word such as "and" or "also" precedes it.
        asks: whether it ends with a question mark, or contains a program or options.
    """

    text: str
    start: int
    end: int
    sign: Sign
    joint: bool = False
    asks: bool = False

    @property
    def size(self) -> float:
        """Its length in words; a character of a script without spaces counts as half a word."""
        return size_of(self.text)


# Words that join requests in the most spoken languages. On its own, such a word proves nothing.
_JOINTS = (
    "and also then plus or but first afterwards additionally furthermore moreover besides next "
    "finally lastly while "
    "und auch dann außerdem sowie danach anschließend zudem oder aber "
    "et aussi puis ensuite également ou mais "
    "y e también luego además después o pero "
    "também depois além mas "
    "ed anche poi inoltre "
    "ook daarna bovendien maar "
    "ve ayrıca sonra veya "
    "oraz także potem "
    "и также потом затем или а "
    "और फिर तथा ثم و أيضا 그리고 또한"
).split()
_CJK_JOINTS = (
    "另外|然后|然後|并且|並且|以及|还有|還有|同时|同時|接着|顺便|而且|そして|それから|また、"
)
_LONG_JOINTS = (
    "besides that",
    "apart from that",
    "aside from that",
    "other than that",
    "by the way",
)
_SPACED = "|".join(sorted(map(re.escape, (*_JOINTS, *_LONG_JOINTS)), key=len, reverse=True))
SEPARATOR = re.compile(
    rf"(?P<paragraph>\n[ \t]*\n\s*)|(?P<line>\n\s*)"
    r"|(?P<sentence>(?:(?<![ (]\d)(?<![ (][0-3]\d)\.|(?<![.?!…])[.?!…]{2,}+|[?!…])[\"'”’)\]]*\s+"
    r"|[。？！]+[”’」）]*\s*)"
    r"|(?P<colon>[:;—–]\s+|\s[-–—/|]\s+|[；：]\s*)"
    r"|(?P<comma>,\s+|[，、]\s*)"
    # "The first king" and "the next day" join no requests.
    rf"|(?P<joint>(?:(?<=\s)|(?<=^))(?<!\bthe\s)(?:{_SPACED})(?=[\s,:]),?\s*|(?:{_CJK_JOINTS})[，,]?\s*)",
    re.IGNORECASE,
)
_SIGNS = {
    "paragraph": Sign.PARAGRAPH,
    "line": Sign.LINE,
    "sentence": Sign.SENTENCE,
    "colon": Sign.COLON,
    "comma": Sign.COMMA,
    "joint": Sign.JOINT,
}
# `1)`, `2.`, `(3)`, `b)`, `-` and `•` at the beginning of a line or of a sentence.
_MARK = re.compile(
    r"(?:(?:^|(?<=\n))[ \t]*|(?<=[.:;?!)\]\"'`] ))"
    r"(?:\(?(?:\d{1,2}[.):]+|[a-h]\))\s+|[-*•]\s+)",
    re.MULTILINE,
)
# `1)` and `2)` in the middle of a line.
_NUMBERED = re.compile(r"(?<=\s)\(?(\d)\)\s+(?=\S)|^\(?(1)\)\s+")
# Quotations, brackets and code are never cut.
_WHOLE = re.compile(
    r"`[^`\n]+`|\"[^\"\n]{1,200}\"|“[^“”\n]{1,200}”|„[^“”\n]{1,200}[“”]|«[^«»\n]{1,200}»"
    r"|「[^「」\n]*」|(?<!\w)‘[^‘’\n]*’(?!\w)|\([^()\n]{1,200}\)"
    r"|(?<!\w)'(?:[^'\n]|(?<=\w)'(?=\w)){1,200}'(?!\w)",
    re.MULTILINE,
)
_WORD = re.compile(r"[^\W\d_]+|\d+")
# An item of a list that is a sum: `2^20`.
_FORMULA = re.compile(r"\d\s*[-+*/^×÷]\s*\d")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def size_of(text: str) -> float:
    """Return a text's length in words; a character of a script without spaces counts as half."""
    dense = len(_CJK.findall(text))
    return len(_CJK.sub(" ", text).split()) + dense / 2


def words_of(text: str) -> list[str]:
    """Return a text's words in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def telling_words(text: str) -> set[str]:
    """Return a text's numbers and longer words, and character pairs of scripts without spaces."""
    dense = _CJK.findall(text)
    long = {word[:6] for word in words_of(text) if len(word) >= _TELLING or word.isdigit()}
    return long | {"".join(pair) for pair in pairwise(dense)}


@dataclass(frozen=True, slots=True)
class _Cut:
    start: int
    end: int
    sign: Sign
    joint: bool


def cut(question: str, openings: Openings, *, most: int = MAX_PIECES) -> tuple[Piece, ...]:
    """Cut a question into pieces, in order; one that cannot be cut is one piece.

    Code, quotations, brackets, the options of an exam question, and texts of more than 10,000
    characters are never cut.
    """
    if len(question) > MAX_CHARS:
        return _pieces(question, [])
    cuts = _merged(sorted(_found(question, openings), key=lambda each: each.start))
    cuts = _telling(question, cuts)
    sentences = [each for each in cuts if each.sign >= Sign.SENTENCE]
    if len(sentences) >= _STORY:
        cuts = sentences
    while len(cuts) >= most:
        weakest = min(cuts, key=_strength(question, openings))
        cuts.remove(weakest)
    return _pieces(question, cuts)


def _found(question: str, openings: Openings) -> Iterator[_Cut]:
    """Every separator that is not inside something that stays whole."""
    code = _programs(question)
    quoted = [match.span() for match in _WHOLE.finditer(question)]
    whole = sorted([*code, *(each for each in quoted if not _within(code, each[0]))])
    # The text before a fence says what to do with the program in it.
    glued = [*options(question), *_before_fences(question)]
    starts = [start for start, _ in whole]

    def inside(start: int, end: int) -> bool:
        n = bisect_right(starts, start) - 1
        within = n >= 0 and start < whole[n][1]
        return within or any(start < last and end > first for first, last in glued)

    for match in SEPARATOR.finditer(question):
        kind = match.lastgroup or "joint"
        if not inside(*match.span()) and not _lists_numbers(question, match):
            yield _Cut(match.start(), match.end(), _SIGNS[kind], kind == "joint")
    for match in (*_MARK.finditer(question), *_numbered(question)):
        if not inside(match.start(), match.end()):
            yield _Cut(match.start(), match.end(), Sign.MARK, joint=False)
    for match in re.finditer(r"(?<=\w)[ \t]+(?=(\w+))", question):
        if openings.may_begin(match[1].lower()) and not inside(*match.span()):
            yield _Cut(match.start(), match.end(), Sign.NONE, joint=False)
    yield from _around(question, code)


def _numbered(question: str) -> list[re.Match[str]]:
    """The marks of a list in one line; empty if they do not count from 1."""
    found = list(_NUMBERED.finditer(question))
    counted = [int(match[1] or match[2]) for match in found]
    return found if len(found) > 1 and counted == list(range(1, len(found) + 1)) else []


def _lists_numbers(question: str, match: re.Match[str]) -> bool:
    """Whether a comma or an `and` separates two numbers, as in `82, 77 and 91`."""
    if match.lastgroup not in ("comma", "joint"):
        return False
    before = question[max(0, match.start() - 5) : match.start()].rstrip(" ,%")
    return before[-1:].isdigit() and question[match.end() : match.end() + 1].isdigit()


def _around(question: str, code: Sequence[tuple[int, int]]) -> Iterator[_Cut]:
    """Cuts around programs; one in a fence belongs to the text before it."""
    for start, end in code:
        if "\n" in question[start:end]:
            if not question.startswith("```", start):
                yield _Cut(start, start, Sign.LINE, joint=False)
            yield _Cut(end, end, Sign.PARAGRAPH, joint=False)


def _programs(question: str) -> list[tuple[int, int]]:
    """Where each program begins and ends, with its fence if it has one."""
    fenced = [match.span() for match in FENCED.finditer(question)]
    return sorted([*fenced, *(s for s in programs(question) if not _within(fenced, s[0]))])


def _within(spans: Sequence[tuple[int, int]], place: int) -> bool:
    return any(start <= place < end for start, end in spans)


def _before_fences(question: str) -> Iterator[tuple[int, int]]:
    """The white space between each fence and the text before it."""
    for match in re.finditer(r"(?<!\s)\s+(?=```)", question):
        yield match.start() - 1, match.end()


def _merged(cuts: Sequence[_Cut]) -> list[_Cut]:
    """Merge separators that touch; the result is as strong as the strongest."""
    found: list[_Cut] = []
    for each in cuts:
        if found and each.start <= found[-1].end:
            last = found[-1]
            found[-1] = _Cut(
                last.start,
                max(last.end, each.end),
                max(last.sign, each.sign),
                last.joint or each.joint,
            )
        else:
            found.append(each)
    return found


def _telling(question: str, cuts: Sequence[_Cut]) -> list[_Cut]:
    """Drop cuts that leave a piece without a word: `415` in a list of numbers is not a request."""
    found: list[_Cut] = []
    last = 0
    for n, each in enumerate(cuts):
        end = cuts[n + 1].start if n + 1 < len(cuts) else len(question)
        item = each.sign is Sign.MARK and _FORMULA.search(question[each.end : end]) is not None
        says = _has_word(question[last : each.start]) or _is_item(found)
        if says and (item or _has_word(question[each.end : end])):
            found.append(each)
            last = each.end
        elif not _has_word(question[last : each.start]) and not found:
            # A mark or a joint before the first word.
            last = each.end
    return found


def _is_item(cuts: Sequence[_Cut]) -> bool:
    return bool(cuts) and cuts[-1].sign is Sign.MARK


def _has_word(text: str) -> bool:
    return any(len(word) > 1 and not word.isdigit() for word in _WORD.findall(text)) or bool(
        _CJK.search(text)
    )


def _strength(question: str, openings: Openings) -> Callable[[_Cut], float]:
    def strength(each: _Cut) -> float:
        asked = question[each.start : each.start + 1] in ("?", "？")
        begins = openings.begins(question[each.end : each.end + 40])
        return each.sign + begins + each.joint + 2 * asked

    return strength


def _pieces(question: str, cuts: Sequence[_Cut]) -> tuple[Piece, ...]:
    starts = [0, *(each.end for each in cuts)]
    ends = [*(each.start for each in cuts), len(question)]
    signs = [(Sign.NONE, False), *((each.sign, each.joint) for each in cuts)]
    found = [
        _piece(question, start, end, sign, joint)
        for start, end, (sign, joint) in zip(starts, ends, signs, strict=True)
    ]
    # A program is there to be worked on, and options are there to be chosen from.
    whole = [*_programs(question), *options(question)]
    return tuple(
        replace(piece, asks=piece.asks or any(_meet(piece, *each) for each in whole))
        for piece in found
        if piece.text
    )


def _meet(piece: Piece, start: int, end: int) -> bool:
    return start < piece.end and end > piece.start


def _piece(question: str, start: int, end: int, sign: Sign, joint: bool) -> Piece:
    body = question[start:end]
    start += len(body) - len(body.lstrip())
    text = body.strip()
    rest = question[end : end + 2]
    # The mark that ends a sentence belongs to the piece.
    marks = re.match(r"[.?!…。？！]+", rest)
    if marks is not None:
        text += marks[0]
    return Piece(
        text=text,
        start=start,
        end=start + len(text),
        sign=sign,
        joint=joint,
        asks=text.endswith(("?", "？")),
    )


def longer(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    """Return the sentences and paragraphs with several pieces, by first and last piece."""
    found: dict[tuple[int, int], None] = {}
    for sign in (Sign.SENTENCE, Sign.LINE):
        starts = [n for n, piece in enumerate(pieces) if n == 0 or piece.sign >= sign]
        for start, end in zip(starts, [*starts[1:], len(pieces)], strict=True):
            if 1 < end - start < len(pieces):
                found[start, end - 1] = None
    return list(found)
