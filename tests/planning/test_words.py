"""Words without their endings, BM25 over them, and texts as vectors of words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.planning.words import HashedWords, WordScores, said, shared, telling, words


@pytest.mark.parametrize(
    ("one", "other"),
    [("doses", "dose"), ("studies", "study"), ("measuring", "measured"), ("class", "class")],
)
def test_forms_of_a_word_are_one(one: str, other: str) -> None:
    assert words(one)[0].rstrip("e") == words(other)[0].rstrip("e")


def test_short_words_are_left_alone() -> None:
    assert words("is gas bus red sing") == ["is", "gas", "bus", "red", "sing"]


def test_endings_are_cut_from_what_is_long_enough() -> None:
    written = "ties flies class sings rings bringings seedings doing king wings needed seed boxes"
    stems = "tie fly class sing ring bring seed doing king wing need seed boxe"
    assert words(written) == stems.split()


def test_words_that_stand_everywhere_tell_nothing() -> None:
    assert telling("Can you please tell me what it is?") == []


@given(st.text(max_size=200))
def test_any_text_has_words(text: str) -> None:
    assert set(telling(text)) <= set(words(text))


def test_the_document_with_the_rarer_word_is_first() -> None:
    scores = WordScores.of([["dose", "drug"], ["dose", "code"], ["dose", "sum"]]).scores(
        [["dose", "code"]]
    )
    assert scores[0].argmax() == 1
    assert scores.shape == (1, 3)


@pytest.mark.parametrize("documents", [[], [[], []], [["a"], []]])
def test_nothing_in_common_is_nothing(documents: list[list[str]]) -> None:
    scores = WordScores.of(documents).scores([["b"], []])
    assert scores.shape == (2, len(documents))
    assert not scores.any()


def test_saying_a_word_twice_says_no_more() -> None:
    index = WordScores.of([["dose", "drug"], ["code"]])
    assert np.array_equal(index.scores([["dose", "dose"]]), index.scores([["dose"]]))


def test_the_evidence_is_in_the_words_of_the_question() -> None:
    stems = frozenset(words("dose of a drug"))
    assert shared(said("Which doses of these drugs?"), stems) == ("doses", "drugs")


def test_texts_with_rare_words_in_common_are_alike() -> None:
    texts = ["the dose of aspirin", "the dose of water", "the sum of numbers"]
    hashed = HashedWords.of(texts)
    one, two, three = hashed.vectors(texts)
    assert one @ two > one @ three
    assert np.allclose(np.linalg.norm(hashed.vectors(texts), axis=1), 1)


def test_a_text_without_words_is_a_zero() -> None:
    assert not HashedWords.of(["a word"]).vectors(["?!"]).any()


def test_a_pair_of_characters_shares_no_slot_with_a_word() -> None:
    hashed = HashedWords.of(["dose of a drug", "写一个脚本", "write a script 脚本"])
    words, pairs, both = hashed.vectors(["dose drug", "脚本", "script 脚本"])
    used = [np.flatnonzero(row).tolist() for row in (words, pairs, both)]
    assert max(used[0]) < min(used[1])
    assert used[1][0] in used[2]
