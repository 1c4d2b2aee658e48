"""How well texts fit a query, by meaning and by words, made one score."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from itertools import filterfalse

_WORD = re.compile(r"\w+")


class WordIndex:
    """BM25 over texts by number (Robertson and Zaragoza 2009, "The Probabilistic Relevance
    Framework", section 3, with the weights of Lucene).

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
        having = Counter(word for words in listed for word in set(words))
        self._weights = {
            word: math.log1p((len(listed) - count + 0.5) / (count + 0.5))
            for word, count in having.items()
        }

    def shares(self, query: str) -> dict[int, float]:
        """The share of the query's words that each text has; texts with none are left out.

        It is the score of BM25 by the one that a text would have if it consisted of these words.
        Words that no text has do not count.
        """
        words = [word for word in words_of(query) if word in self._weights]
        if not words:
            return {}
        scores = self._bm25.get_scores(words) / sum(self._weights[word] for word in words)
        return {self._numbers[n]: float(scores[n]) for n in scores.nonzero()[0].tolist()}


def words_of(text: str) -> list[str]:
    """The words that count, in lower case and without accents; stop words do not count."""
    from bm25s.stopwords import STOPWORDS_EN

    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(filterfalse(unicodedata.combining, plain))
    return [word for word in _WORD.findall(plain) if word not in STOPWORDS_EN]


def fused(similarities: Mapping[int, float], shares: Mapping[int, float]) -> dict[int, float]:
    """The score of each text, best first: its similarity to the query, and its share of the words.

    Both are at most 1, and count the same. Unlike a fusion of ranks, their sum tells a text that is
    near from one that is only the nearest; docs/results/knowledge.md has what each finds, and with
    other weights.
    """
    scores = {n: near + shares.get(n, 0.0) for n, near in similarities.items()}
    return dict(sorted(scores.items(), key=lambda item: -item[1]))
