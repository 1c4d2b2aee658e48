"""Signs that need urgent care, recognised by the program and not left to a model."""

from __future__ import annotations

import re
from dataclasses import dataclass

URGENT = "If this is happening now, call your local emergency number."


@dataclass(frozen=True, slots=True)
class RedFlag:
    """A sign, the words that tell of it, and where the rule comes from."""

    sign: str
    words: re.Pattern[str]


def _flag(sign: str, *patterns: str) -> RedFlag:
    return RedFlag(sign, re.compile("|".join(patterns), re.IGNORECASE))


# The signs that the first-aid guidance of the European Resuscitation Council (2021) and the FAST
# stroke rule name for the public.
RED_FLAGS = (
    _flag(
        "possible heart attack",
        r"\bchest (?:pain|pressure|tightness)\b",
        r"\bcrushing (?:pain|pressure)\b",
    ),
    _flag(
        "possible stroke",
        r"\bface (?:is )?droop",
        r"\bslurred speech\b",
        r"\bsudden (?:weakness|numbness)\b",
        r"\bone side of (?:the|my|his|her) (?:body|face)\b",
    ),
    _flag(
        "trouble breathing",
        r"\b(?:can'?t|cannot|not|trouble|difficulty|struggling to) breath",
        r"\bturning blue\b",
        r"\bblue lips\b",
    ),
    _flag(
        "possible anaphylaxis",
        r"\banaphyla",
        r"\b(?:throat|tongue) (?:is )?swell",
        r"\bswollen (?:throat|tongue)\b",
    ),
    _flag(
        "possible overdose or poisoning",
        r"\boverdose[ds]?\b",
        r"\btook too many\b",
        r"\bswallowed (?:bleach|batter|poison)",
    ),
    _flag(
        "thoughts of suicide",
        r"\bsuicid",
        r"\bkill (?:my|him|her|them)sel",
        r"\bwant to die\b",
        r"\bend my life\b",
    ),
    _flag(
        "unconsciousness or severe bleeding",
        r"\bunconscious\b",
        r"\bunresponsive\b",
        r"\bwon'?t wake up\b",
        r"\b(?:severe|heavy) bleeding\b",
        r"\bbleeding (?:that )?won'?t stop\b",
    ),
)


def red_flags(text: str) -> list[str]:
    """The signs that a text tells of."""
    return [flag.sign for flag in RED_FLAGS if flag.words.search(text)]
