"""Whether a text brings a program with it."""

from __future__ import annotations

import re

# A fenced block whatever is in it; one that is not closed goes on to the end.
FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_FENCE = re.compile(r"^[ \t]*+```[ \t]*+([\w+#.-]*+)[ \t]*+\n(.*?)(?:^[ \t]*+```|\Z)", re.M | re.S)
_PROSE = frozenset({"text", "txt", "plain", "plaintext", "email", "mail", "markdown", "md", "math"})
_LINE = re.compile(
    r"^[ \t]*+(?:(?:async[ \t]+)?def[ \t]+\w+\(.*|class[ \t]+\w++.*:|#include\b.*|"
    r"(?:public|private|static)[ \t].*[{;]|func(?:tion)?[ \t]+\w+\(.*\{|fn[ \t]+\w+\(.*)[ \t]*$",
    re.MULTILINE,
)


def brings_code(text: str) -> bool:
    """Whether a fence with the name of a language, or a line that only a program has, is in it."""
    named = any(
        language and language.lower() not in _PROSE and body.strip()
        for language, body in _FENCE.findall(text)
    )
    return named or _LINE.search(text) is not None
