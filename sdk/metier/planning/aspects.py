"""One thing asked of two fields: "what does it mean in maths and in REST APIs"."""

from __future__ import annotations

import re

# The same word before both fields shows that what precedes it is asked twice.
_TWICE = (
    "in for to as from by "
    "im für bei als aus "
    "en pour dans chez comme "
    "para como "
    "per nel nella come "
    "na no em "
    "voor bij "
    "в для dla w"
).split()
_JOINTS = ("and", "und", "et", "y", "e", "ed", "en", "и", "oraz", "i")
_FIELDS = re.compile(
    rf"(?<!\w)(?P<word>{'|'.join(_TWICE)})\s(?P<first>[^,.;:?!\n]{{2,60}}?),?\s(?:{'|'.join(_JOINTS)})\s"
    rf"(?P=word)\s(?P<second>[^,.;:?!\n]{{2,60}})",
    re.IGNORECASE,
)
_LONGEST = 300


def aspects(question: str) -> tuple[str, ...]:
    """Return the question as asked of each of two fields, and the fields.

    Empty if it does not name two.

    >>> aspects("Explain 'tree' in botany and in computing")
    ("Explain 'tree' in botany", "Explain 'tree' in computing", 'botany', 'computing')
    """
    found = _FIELDS.search(question) if len(question) <= _LONGEST else None
    if found is None:
        return ()
    before, after = question[: found.start()], question[found.end() :]
    if not before.strip():
        return ()
    fields = found["first"], found["second"]
    return (*(f"{before}{found['word']} {field}{after}" for field in fields), *fields)
