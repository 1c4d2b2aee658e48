"""Short strings, and free text that is judged by what it says."""

from __future__ import annotations

import re
import unicodedata

from metier.grading.kinds import ContainsGold
from metier.grading.markup import announced, emphasised, last_line, plain, without_code

# A lone line that is longer is a sentence, not a name.
_SHORT_WORDS = 6
_DIGIT_GROUPS = re.compile(r"(?<=\d)[,_'](?=\d{3}(?!\d))")
_NOT_WORDS = re.compile(r"[^\w.]+|\.(?!\d)|(?<!\d)\.|_")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_SENTENCE_END = re.compile(
    r"(?<![.!?;]{2})(?<!\b[A-Z])(?<!\b(?:Dr|Mr|Ms|St|Jr|Sr))(?<!\bMrs)[.!?;]++(?=\s|$)|\s\("
)


def normal(text: str) -> str:
    """What two ways to write the same string have in common.

    As SQuAD's evaluation does it (Rajpurkar et al. 2016): lower case, no punctuation, no articles,
    single spaces; beyond that no accents, and no commas in large numbers.
    """
    folded = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(char for char in folded if not unicodedata.combining(char))
    words = _NOT_WORDS.sub(" ", _DIGIT_GROUPS.sub("", bare))
    return " ".join(_ARTICLES.sub(" ", words).split())


def text_in(text: str) -> str | None:
    """The short string that a text gives as its answer; None if it only tells sentences.

    It is what the text announces, or the only words in bold, or its only line.
    """
    prose = without_code(text)
    body = plain(prose)
    said = next(announced(body), None)
    if said is None:
        bold = set(emphasised(prose))
        alone = len(body.split()) <= _SHORT_WORDS and last_line(body) == body.strip()
        said = bold.pop() if len(bold) == 1 else body if alone and not bold else ""
    said = _SENTENCE_END.split(said.strip(), maxsplit=1)[0].strip(" \t\"'“”„*:,.")
    return said if normal(said) else None


def missing_from(text: str, gold: ContainsGold) -> str | None:
    """What a text lacks, or says and should not, in words; None if it is right."""
    said = f" {normal(plain(text))} "
    for ways in gold.value:
        if not any(f" {normal(way)} " in said for way in ways):
            return f"it lacks {' or '.join(map(repr, ways))}"
    for wrong in gold.without:
        if f" {normal(wrong)} " in said:
            return f"it says {wrong!r}"
    return None
