"""Other people's text in a question: lines with `>`, quotations, prose in a fence."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

# A shorter text in quotation marks is a term, a title or an example, and part of the request.
_LEAST_WORDS = 8
_CLOSING = {'"': ('"',), "“": ("”",), "„": ("“", "”"), "«": ("»",)}
_FENCE = re.compile(r"```\s*+(?:text|txt|plain|plaintext|email|mail)?")
_DOCSTRING = '"""'
_WORD = re.compile(r"\w+")
# What lines of code nearly always have, and lines of prose do not.
_CODE = re.compile(r"[{};]\s*$|^\s*(?:def|class|import|from|return|if|for|while|#include)\b|\w\(|=")


def apart(question: str) -> tuple[str, tuple[str, ...]]:
    r"""Return the user's own words, and the blocks pasted between them, without their marks.

    A block is lines that begin with `>`; a text of at least eight words in quotation marks that
    begin a line and end one; or a fence without a language, or labelled as text, that contains more
    prose than code. The last mark that can close a block closes it, so a text cannot escape by
    closing its own marks. Code in a fence with its language counts as the user's own.

    >>> apart("What does she want?\n\n> Please call me back today.")
    ('What does she want?', ('Please call me back today.',))
    """
    lines = question.splitlines()
    own: list[str] = []
    blocks: list[str] = []
    at = 0
    while at < len(lines):
        end, text = _block(lines, at)
        if text is None:
            own.extend(lines[at:end])
        else:
            blocks.append(text)
        at = end
    return re.sub(r"\n{3,}", "\n\n", "\n".join(own)).strip(), tuple(blocks)


def _block(lines: Sequence[str], at: int) -> tuple[int, str | None]:
    """The end of the block that begins at a line, and its text; None if none begins there."""
    first = lines[at].strip()
    if _cited(first):
        end = next((n for n in range(at, len(lines)) if not _cited(lines[n])), len(lines))
        return end, "\n".join(line.strip()[1:].strip() for line in lines[at:end])
    if _FENCE.fullmatch(first):
        end = _last(lines, at + 1, lambda line: line.strip() == "```")
        text = "\n".join(lines[at + 1 : end - 1])
        if end <= at + 1:
            return at + 1, None
        return end, None if _is_code(text) else text.strip()
    if first.startswith("```"):
        end = next((n for n in range(at + 1, len(lines)) if lines[n].strip() == "```"), len(lines))
        return end, None
    closing = _CLOSING.get(first[:1])
    if closing is not None and not first.startswith(_DOCSTRING):
        end = _last(lines, at, lambda line: line.rstrip().endswith(closing))
        text = "\n".join(lines[at:end]).strip()[1:-1]
        if len(_WORD.findall(text)) >= _LEAST_WORDS:
            return end, text.strip()
    return at + 1, None


def _is_code(text: str) -> bool:
    return 2 * sum(len(line) for line in text.splitlines() if _CODE.search(line)) > len(text)


def _last(lines: Sequence[str], start: int, closes: Callable[[str], bool]) -> int:
    """The end of the last line from `start` on that closes a block; `start` if none does."""
    return next((n + 1 for n in reversed(range(start, len(lines))) if closes(lines[n])), start)


def _cited(line: str) -> bool:
    """Whether a line is a citation; `>>>` is Python's prompt."""
    return line.lstrip().startswith(">") and not line.lstrip().startswith(">>>")
