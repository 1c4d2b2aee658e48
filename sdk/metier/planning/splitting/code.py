"""Whether a text contains a program, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator

# A fenced block with any content; one that is not closed extends to the end.
FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_FENCE = re.compile(r"^[ \t]*+```[ \t]*+([\w+#.-]*+)[ \t]*+\n(.*?)(?:^[ \t]*+```|\Z)", re.M | re.S)
_PROSE = frozenset({"text", "txt", "plain", "plaintext", "email", "mail", "markdown", "md", "math"})
_LINE = re.compile(
    r"^[ \t]*+(?:(?:async[ \t]+)?def[ \t]+\w+\(.*|class[ \t]+\w++.*:|#include\b.*|"
    r"(?:public|private|static)[ \t].*[{;]|func(?:tion)?[ \t]+\w+\(.*\{|fn[ \t]+\w+\(.*)[ \t]*$",
    re.MULTILINE,
)
# In capitals, or "select one from the list" would be one; "a CREATE TABLE statement" is none.
_SQL = re.compile(
    r"\bSELECT\b[^\n]{1,300}?\bFROM\s+\w|\bINSERT INTO\s+[\w.\"`]{1,60}\s*(?:\(|VALUES\b|SELECT\b)"
    r"|\bDELETE FROM\s+[\w.\"`]{1,60}\s*(?:WHERE\b|;|$)|\bUPDATE \w{1,60} SET\b"
    r"|\bCREATE TABLE\s+(?:IF NOT EXISTS\s+)?[\w.\"`]{1,60}\s*\(",
    re.MULTILINE,
)


def brings_code(text: str) -> bool:
    """Whether a named fence, a line that only a program has, or a statement of SQL is in it."""
    named = any(
        language and language.lower() not in _PROSE and body.strip()
        for language, body in _FENCE.findall(text)
    )
    return named or _LINE.search(text) is not None or _SQL.search(text) is not None


# The first line of a Python program without a fence, after a mark or a sentence.
_BEGINS = re.compile(
    r"(?:^|(?<=[-*:.?!)\]] ))(?:@\w|from [\w.]+ import |import \w|(?:async )?def \w+\(|"
    r"class \w+[:(])",
    re.MULTILINE,
)
_GOES_ON = re.compile(r"[ \t]|$|" + _BEGINS.pattern)
_DOCSTRING = re.compile(r"\"\"\"|\'\'\'")


def programs(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each program without a fence, with bodies and docstrings."""
    after = 0
    for match in _BEGINS.finditer(text):
        if match.start() >= after:
            after = _end_of_program(text, match.start())
            yield match.start(), after


def _end_of_program(text: str, start: int) -> int:
    """The end of the last line that is indented, begins a definition or is in a docstring."""
    at = last = start
    quoted = False
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end]
        if at > start and not quoted and not _GOES_ON.match(line):
            break
        # An odd number of marks in a line opens a docstring or closes it.
        quoted ^= len(_DOCSTRING.findall(line)) % 2 == 1
        if line.strip():
            last = end
        at = end + 1
    return last
