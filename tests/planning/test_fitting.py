"""What is fitted to the cards is kept in a file, and used for nothing else."""

from __future__ import annotations

import bm25s
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.planning.classifier import CapabilityClassifier
from metier.planning.fitting import Fitted
from metier.planning.words import HashedWords, WordScores

WORDS = st.lists(st.sampled_from("dose drug sum angle loop bug".split()), max_size=8)


def fitted() -> Fitted:
    texts = ["a dose of a drug", "the sum of an angle", "a loop with a bug"]
    hashed = HashedWords.of(texts)
    vectors = np.eye(3, 8, dtype=np.float32)
    head = CapabilityClassifier.fit(vectors, hashed.vectors(texts), np.arange(3), count=3)
    return Fitted(words=WordScores.of([text.split() for text in texts]), head=head, hashed=hashed)


def test_what_was_kept_scores_as_before() -> None:
    before = fitted()
    after = Fitted.unpacked(before.packed())
    assert after.head is not None
    assert before.head is not None
    query = [["dose", "loop"]]
    assert np.array_equal(after.words.scores(query), before.words.scores(query))
    assert after.words.holds(0, ["dose", "loop"]) == {"dose"}
    assert np.array_equal(after.head.weights, before.head.weights)
    assert np.array_equal(after.head.left_out, before.head.left_out)


@pytest.mark.parametrize("words", [WordScores.of([]), WordScores.of([[], []])])
def test_without_a_word_or_a_head_it_is_kept_too(words: WordScores) -> None:
    after = Fitted.unpacked(Fitted(words=words).packed())
    assert after.head is None
    assert after.words.scores([["a"]]).shape == (1, words.count)


@given(st.lists(WORDS, min_size=1, max_size=6), WORDS)
def test_the_scores_are_those_of_the_library(documents: list[list[str]], query: list[str]) -> None:
    known = {word for document in documents for word in document}
    asked = [word for word in dict.fromkeys(query) if word in known]
    ours = WordScores.of(documents).scores([query])[0]
    if not asked:
        assert not ours.any()
        return
    library = bm25s.BM25(k1=1.2, b=0.75)
    library.index(documents, show_progress=False)
    assert ours == pytest.approx(library.get_scores(asked), abs=1e-5)
