"""Which embedders know English only, and whether a text is English."""

from __future__ import annotations

import re

# By their own cards; what is not listed is taken to know several languages.
_ENGLISH_ONLY = ("all-minilm", "bge-large", "bge-base", "bge-small", "mxbai-embed-large")
_ENGLISH_ONLY_EXACT = frozenset({"nomic-embed-text", "snowflake-arctic-embed"})
_WORD = re.compile(r"[^\W\d_]+")
# The commonest words of other languages that are no words of English.
_ELSEWHERE = frozenset(
    (
        "der die das und ist wie ich ein eine für mit nicht "
        "le les est une des du et je pour comment quel quelle "
        "el los las una y es qué cómo para cuál por "
        "il lo che di è per come quanto una sono "
        "o os um uma é como para qual não "
        "het een en hoe ik van voor "
        "ve bir nasıl için ne"
    ).split()
)
_IN_ENGLISH = frozenset("the a is of and to what how i in my for do does can it".split())


def reads_only_english(model: str) -> bool:
    """Whether an embedder was trained on English alone, told by the name of its model.

    >>> reads_only_english("all-minilm:latest"), reads_only_english("bge-m3")
    (True, False)
    """
    name = model.rstrip("/").rpartition("/")[2].partition(":")[0].lower()
    return name in _ENGLISH_ONLY_EXACT or name.startswith(_ENGLISH_ONLY)


def in_english(text: str) -> bool:
    """Whether a text is likely to be English; in doubt it is.

    >>> in_english("how much is 3/8 of 64?"), in_english("Wie viel ist das?"), in_english("你好")
    (True, False, False)
    """
    words = [match[0].lower() for match in _WORD.finditer(text[:1000])]
    if sum(not word.isascii() for word in words) * 2 > len(words):
        return False
    elsewhere = sum(word in _ELSEWHERE for word in words)
    return elsewhere <= sum(word in _IN_ENGLISH for word in words)
