"""Chunks: spans of the text, in its order, nothing lost, no sentence cut where avoidable."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.experts.knowledge.chunks import (
    CHARS,
    OVERLAP_CHARS,
    OVERLAP_WORDS,
    WHOLE_CHARS,
    WORDS,
    chunked,
    windows,
)

LINES = st.sampled_from(
    [
        "",
        "# Dosing",
        "## Adults",
        "Warnings",
        "===",
        "---",
        "```python",
        "```",
        "| drug | dose |",
        "| --- | --- |",
        "- a list, of e.g. two drugs",
        "Take it with food. It helps, Dr. Lee says.  Really!",
        "word " * 150,
        "Never without advice. " * 90,
        "x" * 1500,
        "  indented and\ttabbed",
        "日本語の文です。次の文です。",
    ]
)
TEXTS = st.lists(st.one_of(LINES, st.text(max_size=40)), max_size=25).map("\n".join)
SENTENCE = "The dose is raised slowly over two weeks in each of the patients. "


@given(TEXTS, st.booleans())
def test_every_chunk_is_a_span_of_the_text(text: str, markdown: bool) -> None:
    for chunk in chunked(text, name="a", markdown=markdown):
        assert chunk.text == text[chunk.start : chunk.end]
        assert chunk.text.strip()


@given(TEXTS, st.booleans())
def test_nothing_is_lost_and_the_order_is_kept(text: str, markdown: bool) -> None:
    chunks = chunked(text, name="a", markdown=markdown)
    held = {n for chunk in chunks for n in range(chunk.start, chunk.end)}
    assert [n for n, char in enumerate(text) if not char.isspace() and n not in held] == []
    assert all(one.start < other.start and one.end < other.end for one, other in pairwise(chunks))


@given(TEXTS, st.booleans())
def test_no_chunk_is_larger_than_it_may_be(text: str, markdown: bool) -> None:
    for chunk in chunked(text, name="a", markdown=markdown):
        headings = sum(len(line) + 1 for line in chunk.text.splitlines()[:25] if len(line) < 60)
        assert len(chunk.text) <= WHOLE_CHARS + headings
        assert all(len(part) <= CHARS + 151 for part in windows(chunk))


@given(TEXTS)
def test_lines_are_those_of_the_text(text: str) -> None:
    lines = text.split("\n")
    for chunk in chunked(text, name="a", markdown=True):
        assert chunk.lines is not None
        first, last = chunk.lines
        assert chunk.text in "\n".join(lines[first - 1 : last])


def test_paragraphs_are_joined_up_to_the_size_of_a_chunk() -> None:
    paragraph = "one two three four five six seven eight nine ten"
    text = "\n\n".join([paragraph] * 50)
    chunks = chunked(text, name="a")
    assert len(chunks) == 3
    assert all(len(chunk.text.split()) <= WORDS for chunk in chunks)


def test_a_long_paragraph_is_cut_between_sentences_and_overlaps() -> None:
    chunks = chunked(SENTENCE * 60, name="a")
    assert len(chunks) > 3
    assert all(chunk.text.startswith("The dose") for chunk in chunks)
    assert all(chunk.text.endswith("patients.") for chunk in chunks)
    for one, other in pairwise(chunks):
        shared = one.text[other.start - one.start :].split()
        assert 0 < len(shared) <= OVERLAP_WORDS


def test_a_long_paragraph_without_spaces_overlaps_no_more_than_another() -> None:
    text = "次の文です。" * 2000
    chunks = chunked(text, name="a")
    assert sum(len(chunk.text) for chunk in chunks) < 1.5 * len(text)
    for one, other in pairwise(chunks):
        assert 0 < one.end - other.start <= OVERLAP_CHARS


@pytest.mark.parametrize("word", ["e.g. ", "Dr. ", "approx. ", "vitamin C. "])
def test_an_abbreviation_ends_no_sentence(word: str) -> None:
    text = f"{'Take it slowly every day, {}and rest. '.format(word + 'Smith ') * 60}"
    assert all(chunk.text.startswith("Take it") for chunk in chunked(text, name="a"))


def test_a_sentence_goes_on_with_a_small_letter() -> None:
    text = "Give 5 ml per kg of body wt. and then wait for an hour. " * 60
    assert all(chunk.text.startswith("Give 5 ml") for chunk in chunked(text, name="a"))


def test_a_table_and_code_stay_whole_and_are_embedded_in_parts() -> None:
    table = "\n".join(f"| drug {n} | {n} mg | twice a day |" for n in range(80))
    code = "```\n" + "\n\n".join(f"line {n} of a listing" for n in range(70)) + "\n```"
    for block in (table, code):
        assert CHARS < len(block) <= WHOLE_CHARS
        text = f"# Doses\n\n{'Before it. ' * 60}\n\n{block}\n\nAfter it."
        whole = [chunk for chunk in chunked(text, name="a", markdown=True) if block in chunk.text]
        assert len(whole) == 1
        assert len(windows(whole[0])) > 1


def test_a_table_that_is_far_too_long_is_cut_between_its_rows() -> None:
    table = "\n".join(f"| drug {n} | {n} mg |" for n in range(500))
    chunks = chunked(table, name="a", markdown=True)
    assert len(chunks) > 1
    assert all(chunk.text.startswith("| drug") and chunk.text.endswith("mg |") for chunk in chunks)


def test_a_chunk_knows_the_headings_above_it_and_no_heading_stands_alone() -> None:
    text = "# Warfarin\n\n## Dosing\n\nStart low.\n\n## Diet ##\nEat well.\n\nSetext\n===\n\nMore."
    chunks = chunked(text, name="a", markdown=True)
    assert [(chunk.headings, chunk.lines) for chunk in chunks] == [
        (("Warfarin", "Dosing"), (1, 5)),
        (("Warfarin", "Diet"), (7, 8)),
        (("Setext",), (10, 13)),
    ]
    assert chunks[0].place == "Warfarin › Dosing, lines 1–5"
    assert windows(chunks[1])[0].startswith("Warfarin › Diet\n## Diet ##")


def test_a_heading_stays_with_the_table_below_it() -> None:
    table = "\n".join(f"| drug {n} | {n} mg | twice a day |" for n in range(80))
    chunks = chunked(f"## Doses\n\n{table}", name="a", markdown=True)
    assert len(chunks) == 1


def test_a_number_sign_in_plain_text_and_in_code_is_no_heading() -> None:
    assert chunked("# not one", name="a")[0].headings == ()
    code = "# Real\n\n```\n# comment\n```\n"
    assert chunked(code, name="a", markdown=True)[0].headings == ("Real",)


def test_a_chunk_of_a_page_has_the_page_and_no_lines() -> None:
    chunk = chunked("Some words.", name="a.pdf", page=3)[0]
    assert (chunk.page, chunk.lines, chunk.place) == (3, None, "page 3")
