"""The looks of a text: cheap counts that indicate how hard a question is, and its words."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from metier.planning.learning.hashing import hashed_counts

Array = npt.NDArray[np.float32]

BAG_SIZE = 1024
# Only the beginning of a longer text counts.
_MAX_CHARS = 6000
_LARGEST = 1e12

_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_OPTION = re.compile(r"^[ \t]*\(?[A-J][.):][ \t]+(.*)$", re.MULTILINE)
_TOKEN = re.compile(r"[a-z]{2,}|\d|[^\sa-z\d]")
_COUNTED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"[.?!](?:\s|$)",
        r"\?",
        r"[,;:]",
        r"[\"“”'‘’]",
        r"[%$€£]",
        # Code and formulas.
        r"[{};=<>`]|\bdef \b|\breturn\b",
        r"[$\\^]",
        r"[+*/=-]\s*\d|\d\s*[+*/=-]",
        r"\b(?:write|function|python|program|code)\b",
        # What is asked for, and how.
        r"\b(?:what|which)\b",
        r"\b(?:who|whom|whose)\b",
        r"\b(?:when|where)\b",
        r"\b(?:why|how)\b",
        r"\bhow (?:many|much|long|far|old)\b",
        r"\b(?:is|are|was|were|does|do|did|can|should) ",
        r"\b(?:follow\w*|best|most likely|according to|true)\b",
        r"\b(?:not|except|least|false|incorrect)\b",
        r"\b(?:all|none) of (?:the )?(?:above|these)",
        r"\b[IVX]+ (?:only|and|or)\b|\bstatement \d",
        r"_{2,}",
        # How it is told.
        r"\b(?:if|suppose|assume|given|let)\b",
        r"\b(?:because|therefore|since|thus|so that)\b",
        r"\b(?:he|she|his|her|him|they|their|them)\b",
        r"\b(?:each|every|per|times|twice|half|total|left|remaining|more than|less than|percent"
        r"|ratio|average)\b",
    )
)


def text_features(texts: Sequence[str]) -> Array:
    """Count features of each text, large ones as logarithms; shape (len(texts), features)."""
    found = [_surface(text[:_MAX_CHARS]) for text in texts]
    return np.array(found, np.float32).reshape(len(texts), len(_surface("")))


def bags(texts: Sequence[str]) -> Array:
    """Hash the words, digits and symbols of each text: log(1 + count), shape (len, BAG_SIZE)."""
    tokens = [_TOKEN.findall(text[:_MAX_CHARS].lower()) for text in texts]
    return np.log1p(hashed_counts(tokens, BAG_SIZE))


def _surface(text: str) -> list[float]:
    words = _WORD.findall(text)
    numbers = _NUMBER.findall(text)
    options = _OPTION.findall(text)
    length = max(len(text), 1)
    letters = [len(word) for word in words] or [0]
    sizes = [len(option) for option in options] or [0]
    largest = max((float(number.replace(",", "")) for number in numbers), default=0.0)
    numeric = sum(_NUMBER.search(option) is not None for option in options)
    counts = [
        len(text),
        len(words),
        text.count("\n"),
        len(numbers),
        sum("." in number for number in numbers),
        min(largest, _LARGEST),
        *_mean_and_deviation(sizes),
        *(len(pattern.findall(text)) for pattern in _COUNTED),
    ]
    shares = [
        *_mean_and_deviation(letters),
        max(letters),
        sum(map(str.isdigit, text)) / length,
        sum(map(str.isupper, text)) / length,
        1 - len(text.encode("ascii", "ignore")) / length,
        len({word.lower() for word in words}) / max(len(words), 1),
        len(options),
        numeric / max(len(options), 1),
    ]
    return [*np.log1p(counts).tolist(), *shares]


def _mean_and_deviation(values: Sequence[int]) -> tuple[float, float]:
    mean = sum(values) / len(values)
    return mean, (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
