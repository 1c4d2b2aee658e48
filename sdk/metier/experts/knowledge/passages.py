"""What a search gives, as an expert uses it: texts for its model, and quotes for its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from metier.answer import Source
from metier.experts.knowledge.chunks import Chunk
from metier.experts.knowledge.quotes import UNVERIFIED, Checked, check_quotes
from metier.plan import Document

# About 1,500 tokens: a question, a card's prompt and an answer fit into 4,096 with them.
MAX_CHARS = 6000
# The similarity that a passage needs: what is further off is about something else, and a small
# model would answer from it all the same.
NEAR = 0.3
# For a prompt's end (`messages_for(…, extra=QUOTE)`), where documents stand above it.
QUOTE = (
    "Answer from the documents above where they answer it. Copy the sentence that you rely on word "
    "for word, in double quotes. Where they do not answer it, say so."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk that was found.

    Attributes:
        score: for the order only.
        similarity: cosine of its vector and the query's, between -1 and 1.
    """

    chunk: Chunk
    score: float
    similarity: float

    @property
    def document(self) -> Document:
        """The passage as a text that a question is about: data, never instructions."""
        return Document(name=f"{self.chunk.name}, {self.chunk.place}", text=self.chunk.text)


def passages_of(documents: Sequence[Document]) -> list[Passage]:
    """Each document as a passage, to look up quotes in."""
    return [
        Passage(
            chunk=Chunk(name=each.name, text=each.text, start=0, lines=_lines(each.text)),
            score=1.0,
            similarity=1.0,
        )
        for each in documents
    ]


def _lines(text: str) -> tuple[int, int]:
    return 1, 1 + text.count("\n")


class Citing(Protocol):
    """Something that sources can be added to: an expert's `Context`."""

    def cite(self, source: Source) -> None:
        """Name a source of the answer."""
        ...

    def warn(self, text: str) -> None:
        """Mark a part of the answer that must reach the reader word for word."""
        ...

    def mark_checked(self, passed: bool, /, *, how: str = "") -> None:
        """Say whether a check of the program confirmed the answer."""
        ...


def fitting(
    passages: Sequence[Passage], *, max_chars: int = MAX_CHARS, at_least: float = NEAR
) -> list[Passage]:
    """The passages that are near enough and together fit into a prompt; the best come first.

    Args:
        at_least: the similarity that a passage needs.
    """
    kept: list[Passage] = []
    left = max_chars
    for passage in passages:
        if passage.similarity >= at_least and len(passage.chunk.text) <= left:
            kept.append(passage)
            left -= len(passage.chunk.text)
    return kept


def _looked_up(quotes: Checked) -> str:
    found, missing = len(quotes.citations), len(quotes.unverified)
    if missing:
        return f"{missing} of {found + missing} quotes are not in the documents"
    return "quote found in the document" if found == 1 else f"{found} quotes found in the documents"


def cite_quotes(text: str, passages: Sequence[Passage], context: Citing) -> str:
    """A model's text with its quotes checked; the verified ones become sources of the answer.

    What was quoted and could not be found is marked, in lines that no composing may change, and so
    is the answer: its check failed.
    """
    checked = check_quotes(text, [passage.chunk for passage in passages])
    sources = [citation.source for citation in checked.citations]
    for source in sources:
        context.cite(source)
    if sources or checked.unverified:
        context.mark_checked(not checked.unverified, how=_looked_up(checked))
    for line in checked.text.splitlines():
        if UNVERIFIED in line:
            context.warn(line)
    listed = [f"[{number}] {each.name}, {each.place}" for number, each in enumerate(sources, 1)]
    return "\n".join([f"{checked.text.rstrip()}\n", *listed]) if listed else checked.text
