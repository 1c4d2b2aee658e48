"""Thinking kept apart from the answer, however the stream is cut."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hostile import processor_time
from hypothesis import example, given
from hypothesis import strategies as st

from metier.models.server import Chunk
from metier.models.thinking import ThinkingFilter

# Words that make tags, and halves of tags, likely.
WORDS = st.sampled_from(
    ["<think>", "</think>", "<", "</", "think>", "<thi", "</thi", "nk>", " ", "\n", "a", "b>", "é"]
)
TEXTS = st.lists(WORDS, max_size=8).map("".join)
CUTS = st.lists(st.integers(0, 40), max_size=6)


def cut(text: str, cuts: Sequence[int]) -> list[str]:
    edges = sorted({0, len(text), *(each for each in cuts if each < len(text))})
    return [text[a:b] for a, b in itertools.pairwise(edges)]


def read(pieces: Sequence[str], *, last: str = "") -> tuple[str, str]:
    """Text and thinking of a stream with these pieces."""
    passing = ThinkingFilter()
    chunks = [passing.passed(Chunk(text=piece)) for piece in pieces]
    chunks.append(passing.passed(Chunk(text=last, done=True)))
    return "".join(chunk.text for chunk in chunks), "".join(chunk.thinking for chunk in chunks)


@given(TEXTS, CUTS)
@example("<think>a</think>\n\nb", [16])
def test_text_and_thinking_are_the_same_however_the_stream_is_cut(
    text: str, cuts: list[int]
) -> None:
    assert read(cut(text, cuts)) == read([text])


@given(TEXTS, CUTS)
def test_text_and_thinking_are_the_same_where_the_last_piece_has_text(
    text: str, cuts: list[int]
) -> None:
    *pieces, last = cut(text, cuts) or [""]
    assert read(pieces, last=last) == read([text])


@given(TEXTS.filter(lambda text: not text.lstrip().startswith("<think>")), CUTS)
def test_a_text_that_does_not_begin_with_the_tag_stays_as_it_is(text: str, cuts: list[int]) -> None:
    assert read(cut(text, cuts)) == (text, "")


@given(TEXTS.filter(lambda text: "</think>" not in text), CUTS)
def test_a_tag_that_is_never_closed_leaves_thinking_only(thought: str, cuts: list[int]) -> None:
    assert read(cut(f"<think>{thought}", cuts)) == ("", thought)


@pytest.mark.parametrize(
    ("stream", "text", "thinking"),
    [
        ("<think>One and one.</think>\n\nTwo.", "Two.", "One and one."),
        ("\n<think>\nOne.\n</think>Two.", "Two.", "\nOne.\n"),
        ("<think></think>Two.", "Two.", ""),
        ("<think>One.</think>", "", "One."),
        ("<think>One.</think>  ", "", "One."),
        ("<think>a</think>b <think>c</think>", "b <think>c</think>", "a"),
        ("Two <think>One.</think>", "Two <think>One.</think>", ""),
        ("<thin air>", "<thin air>", ""),
        ("<think", "<think", ""),
        ("", "", ""),
    ],
)
def test_only_the_leading_thought_is_taken_out(stream: str, text: str, thinking: str) -> None:
    assert read([stream]) == (text, thinking)


def test_thinking_is_passed_on_as_it_comes() -> None:
    passing = ThinkingFilter()
    assert passing.passed(Chunk(text="<think>One ")).thinking == "One "


def test_the_thinking_that_the_server_found_stays() -> None:
    assert ThinkingFilter().passed(Chunk(text="Two.", thinking="One.")) == Chunk(
        text="Two.", thinking="One."
    )


def test_the_last_piece_keeps_what_it_carries() -> None:
    last = ThinkingFilter().passed(Chunk(text="Two.", done=True, done_reason="stop"))
    assert (last.text, last.done, last.done_reason) == ("Two.", True, "stop")


def test_a_reply_of_nothing_but_spaces_is_read_in_linear_time() -> None:
    with processor_time(10):
        assert read([" "] * 200_000) == (" " * 200_000, "")
