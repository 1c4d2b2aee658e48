"""What an expert does with passages: fits them into a prompt, and cites what it quotes."""

from __future__ import annotations

import pytest

from metier.answer import Source
from metier.experts.knowledge.chunks import chunked
from metier.experts.knowledge.passages import Passage, cite_quotes, fitting
from metier.experts.knowledge.quotes import UNVERIFIED

GUIDE = "# Warfarin\n\nIt must not be given together with aspirin.\n"


def passage(text: str, *, similarity: float = 0.5) -> Passage:
    chunk = chunked(text, name="guide.md", markdown=True)[0]
    return Passage(chunk=chunk, score=1.0, similarity=similarity)


PASSAGES = [passage(GUIDE)]


def test_passages_fit_into_a_prompt_and_the_best_come_first() -> None:
    first, large, last = passage("a " * 30), passage("b " * 300), passage("c " * 30)
    assert fitting([first, large, last], max_chars=200) == [first, last]


def test_a_passage_that_is_far_off_is_left_out() -> None:
    near, far = passage("near", similarity=0.6), passage("far", similarity=0.1)
    assert fitting([near, far], at_least=0.3) == [near]


def test_a_passage_is_a_document_that_names_its_place() -> None:
    document = PASSAGES[0].document
    assert (document.name, document.text) == ("guide.md, Warfarin, lines 1–3", GUIDE.strip())


class Cited:
    """Takes what an answer cites."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.passed: bool | None = None
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def cite(self, source: Source) -> None:
        self.sources.append(source)

    def mark_checked(self, passed: bool, /, *, how: str = "") -> None:
        self.passed = passed


@pytest.mark.parametrize(
    ("text", "sources", "passed"),
    [
        ('So: "must not be given together with".', 1, True),
        ('So: "must always be given together with".', 0, False),
        ("So never.", 0, None),
    ],
)
def test_citing_names_sources_and_says_whether_all_were_found(
    text: str, sources: int, passed: bool | None
) -> None:
    cited = Cited()
    shown = cite_quotes(text, PASSAGES, cited)
    assert (len(cited.sources), cited.passed) == (sources, passed)
    assert shown.endswith("\n[1] guide.md, Warfarin, line 3") == bool(sources)
    marked = [line for line in shown.splitlines() if UNVERIFIED in line]
    assert cited.warnings == marked
    assert bool(marked) == (passed is False)
