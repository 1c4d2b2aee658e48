"""Texts that repeat one thing a million times take as long as any other of their size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hostile import processor_time

from metier.experts.knowledge.chunks import Chunk, chunked, windows
from metier.experts.knowledge.quotes import check_quotes, verified
from metier.experts.knowledge.searching import words_of

SIZE = 1_000_000
# Of the processor, for a megabyte. It takes a second at most, or two beside much other work.
LIMIT_S = 3


def in_markdown(text: str) -> None:
    for chunk in chunked(text, name="a", markdown=True):
        windows(chunk)


def in_text(text: str) -> None:
    for chunk in chunked(text, name="a"):
        windows(chunk)


def as_quote(text: str) -> None:
    verified(text, [Chunk(name="a", text=text, start=0)])


def as_missing_quote(text: str) -> None:
    half = text[: len(text) // 2]
    verified(f"{half} x b c d", [Chunk(name="a", text=half, start=0)])


def as_answer(text: str) -> None:
    check_quotes(text, [Chunk(name="a", text="a b c e", start=0)])


CASES: dict[Callable[[str], object], tuple[str, ...]] = {
    in_markdown: ("# a\n", "# ", "#", "-\n", "=", "a\n---\n", "- \n", "```\n", "a|b\n", "a\n\n"),
    in_text: ("a", "a ", " ", "a\n", "a. ", ".", '!" ', "。", "Dr. "),
    as_quote: ("a ", ".", "…", "a-\n", "-", "\xad\n", "-\n1", "(", "a\n\n"),
    as_missing_quote: ("a ", ".", "-\n1", "\xad\n"),
    as_answer: ('"', "“", "„a", '"a b c d" ', '`a`"b c d e" ', "`", "> a\n", ">\n\n"),
    words_of: ("a ", "ﷺ"),
}


@pytest.mark.parametrize(
    ("read", "repeated"), [(read, each) for read, texts in CASES.items() for each in texts]
)
def test_a_megabyte_of_repetitions_takes_as_long_as_any_other(
    read: Callable[[str], object], repeated: str
) -> None:
    text = repeated * (SIZE // len(repeated.encode()))
    with processor_time(LIMIT_S):
        read(f"{text}x")


@pytest.mark.parametrize("text", [f"# a{' ' * SIZE}x", f"a\n{'-' * SIZE}x", f"a\n={' ' * SIZE}x"])
def test_a_line_that_is_nearly_a_heading_takes_as_long_as_any_other(text: str) -> None:
    with processor_time(LIMIT_S):
        in_markdown(text)
