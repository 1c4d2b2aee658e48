"""Two orders of the same chunks, by meaning and by words, made one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

# Cormack, Clarke, Büttcher: Reciprocal Rank Fusion (SIGIR 2009); the constant is theirs.
_RRF = 60
_WORD = re.compile(r"\w+")


class WordIndex:
    """BM25 over texts by number.

    Args:
        texts: what is searched.
    """

    def __init__(self, texts: Mapping[int, str]) -> None:
        import bm25s

        self._numbers = list(texts)
        self._bm25 = bm25s.BM25()
        # An empty list of words is refused where all texts have none.
        listed = [words_of(text) or [""] for text in texts.values()]
        self._bm25.index(listed, show_progress=False)

    def ranked(self, query: str, most: int) -> list[int]:
        """Numbers of the texts that share a word with the query, best first."""
        words = words_of(query)
        if not words:
            return []
        scores = self._bm25.get_scores(words)
        order = (-scores).argsort(kind="stable")[:most].tolist()
        return [self._numbers[n] for n in order if scores[n] > 0]


def words_of(text: str) -> list[str]:
    """The words that count, in lower case and without accents; stop words do not count."""
    from bm25s.stopwords import STOPWORDS_EN

    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return [word for word in _WORD.findall(plain) if word not in STOPWORDS_EN]


def fused(rankings: Iterable[Sequence[int]]) -> list[tuple[int, float]]:
    """Numbers with their scores by reciprocal rank fusion: high in several orders comes first."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, number in enumerate(ranking, 1):
            scores[number] = scores.get(number, 0.0) + 1 / (_RRF + rank)
    return sorted(scores.items(), key=lambda item: -item[1])
