"""Quotes: verified where they stand word for word, and nowhere else."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from metier.answer import Source
from metier.experts.knowledge.chunks import chunked
from metier.experts.knowledge.quotes import (
    MIN_WORDS,
    UNVERIFIED,
    check_quotes,
    quotes_in,
    verified,
)

GUIDE = """# Warfarin

Warfarin must not be given together with “high-dose” aspirin, unless the
bleeding risk has been weighed; it is contra-
indicated in pregnancy. At most 1.5 mg are given on day one.
It is unsafe in pregnancy and while breast-
feeding. Check the INR after 20-
30 days.
"""
CHUNKS = chunked(GUIDE, name="guide.md", markdown=True)

WORDS = st.lists(
    st.from_regex(r"[A-Za-zäß][a-zé0-9]{0,8}", fullmatch=True), min_size=12, max_size=40
)
GAPS = st.sampled_from([" ", "  ", "\n", " \n ", "\t", "\u00a0"])


@pytest.mark.parametrize(
    "quote",
    [
        "must not be given together with",
        "Warfarin  must not\nbe given",
        'together with "high-dose" aspirin',
        "together with «high-dose» aspirin, unless the bleeding risk",
        "it is contraindicated in pregnancy",
        "it is contra-indicated in pregnancy.",
        "it is contra-\nindicated in pregnancy",
        "and while breast-feeding. Check the INR",
        "and while breastfeeding. Check the INR",
        "Check the INR after 20-30 days",
        "has been weighed; it is",
        "At most 1.5 mg are given on day one.",
        "At most 1.5 mg are given on day one…",
    ],
)
def test_a_quote_that_stands_there_is_verified(quote: str) -> None:
    citation = verified(quote, CHUNKS)
    assert citation is not None
    assert citation.quote == citation.chunk.text[citation.start : citation.end]


@pytest.mark.parametrize(
    ("quote", "why"),
    [
        ("may be given together with aspirin", "other words"),
        ("must be given together with", "a word less"),
        ("must not not be given together with", "a word more"),
        ("safe in pregnancy and while", "begins inside of a word"),
        ("unsafe in pregnancy and wh", "ends inside of a word"),
        ("in pregnancy. At most 1", "ends inside of a number"),
        ("5 mg are given on day one", "begins inside of a number"),
        ("dose aspirin, unless the bleeding", "begins inside of a compound"),
        ("warfarin must not be given", "a small letter"),
        ("must not be given together-with", "a hyphen for a space"),
        ("has been weighed: it is", "other punctuation"),
        ("Check the INR after 2030 days", "a hyphen between digits lost"),
        ("Check the INR after 20–30 days", "a dash for a hyphen"),
        ("bleeding risk … weighed; it is", "something left out"),
        ("must not be", "too short"),
        ("it is contra\x00indicated in pregnancy", "a character of no text"),
        ("", "empty"),
        ("… . !", "no words"),
    ],
)
def test_a_quote_that_does_not_stand_there_is_not_verified(quote: str, why: str) -> None:
    assert verified(quote, CHUNKS) is None, why


@given(st.data(), WORDS)
def test_any_run_of_whole_words_verifies_whatever_the_white_space(
    data: st.DataObject, words: list[str]
) -> None:
    text = "".join(word + data.draw(GAPS) for word in words)
    first = data.draw(st.integers(0, len(words) - MIN_WORDS))
    last = data.draw(st.integers(first + MIN_WORDS, len(words)))
    quote = "".join(word + data.draw(GAPS) for word in words[first:last])
    citation = verified(quote, chunked(text, name="a"))
    assert citation is not None
    assert citation.quote.split() == words[first:last]


@given(st.data(), WORDS)
def test_any_changed_word_does_not_verify(data: st.DataObject, words: list[str]) -> None:
    quote = words[2:10]
    at = data.draw(st.integers(0, len(quote) - 1))
    other = data.draw(st.from_regex(r"[A-Za-zäß][a-zé0-9]{0,8}", fullmatch=True))
    changed = [*quote[:at], other, *quote[at + 1 :]]
    assume(f" {' '.join(changed)} " not in f" {' '.join(words)} ")
    assert verified(" ".join(changed), chunked(" ".join(words), name="a")) is None


@given(st.text(), st.text())
def test_what_is_verified_has_the_same_words(quote: str, text: str) -> None:
    for wanted in (quote, text[3:30]):
        citation = verified(wanted, chunked(text, name="a"), min_words=1)
        if citation is not None:
            assert re.findall(r"\w+", citation.words) == re.findall(r"\w+", wanted)


def test_file_and_place_are_those_of_the_words_not_of_the_chunk() -> None:
    citation = verified("it is contraindicated in pregnancy", CHUNKS)
    assert citation is not None
    assert citation.quote == "it is contra-\nindicated in pregnancy"
    quote = "it is contraindicated in pregnancy"
    assert citation.source == Source(name="guide.md", place="Warfarin, lines 4–5", quote=quote)


def test_a_page_is_the_place_in_a_pdf() -> None:
    pages = chunked("The dose is ten milligrams.", name="a.pdf", page=7)
    citation = verified("dose is ten milligrams", pages)
    assert citation is not None
    assert citation.source.place == "page 7"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('It says "must not be given together".', ["must not be given together"]),
        ("It says “must not be given together”.", ["must not be given together"]),
        ("Es heißt „darf nicht gegeben werden“.", ["darf nicht gegeben werden"]),
        ("«must not be given together»", ["must not be given together"]),
        ("> must not be given\n> together\n\nSo no.", ["must not be given\ntogether"]),
        ('The "INR" is "too high".', []),
        ('`print("one two three four")`', []),
        ('```\nx = "one two three four"\n```', []),
        ('5" and a new paragraph\n\nwith one two three 6" more', []),
    ],
)
def test_quotes_are_found_in_a_models_text(text: str, words: list[str]) -> None:
    assert [quoted.words for quoted in quotes_in(text)] == words


@given(st.text(alphabet='"“”„«»> \n`ab', max_size=80))
def test_quotes_are_spans_in_order_that_do_not_overlap(text: str) -> None:
    at = 0
    for quoted in quotes_in(text, min_words=1):
        assert at <= quoted.start < quoted.end <= len(text)
        at = quoted.end


def test_verified_quotes_get_a_number_and_the_others_lose_their_marks() -> None:
    text = (
        'Never with aspirin: "must not be given together with". The guide adds "it is perfectly '
        'fine in pregnancy". Again: "must not be given together with".'
    )
    checked = check_quotes(text, CHUNKS)
    assert checked.text == (
        "Never with aspirin: “must not be given together with” [1]. The guide adds it is perfectly "
        f"fine in pregnancy {UNVERIFIED}. Again: “must not be given together with” [1]."
    )
    assert checked.unverified == ("it is perfectly fine in pregnancy",)
    assert [citation.source.place for citation in checked.citations] == ["Warfarin, line 3"]


def test_a_text_without_quotes_stays_as_it_is() -> None:
    assert check_quotes('No quote, "INR" apart.\n', CHUNKS).text == 'No quote, "INR" apart.\n'
