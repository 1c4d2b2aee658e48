"""The choices that a question gives: lettered options, or words to answer with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from string import ascii_uppercase

from metier.grading.kinds import Label

MOST = 12

_OPTION = r"[(\[]?([A-Z])[)\].:][ \t]+"
_LINE = re.compile(rf"^[ \t]*(?:[-*][ \t]+)?{_OPTION}(\S.*)$", re.MULTILINE)
_INLINE = re.compile(r"(?<![\w(])\(?([A-Z])[).][ \t]+")
_QUOTED = r"[\"'“‘]?(\w+)[\"'”’]?"
_WORDS = re.compile(
    r"\b(?:answer|reply|respond)(?:[ \t]+(?:with|by|only|just|either|simply))*[ \t:]+"
    rf"{_QUOTED}((?:[ \t]*,[ \t]*[\"'“‘]?\w+[\"'”’]?)*),?[ \t]+or[ \t]+{_QUOTED}"
    r"(?:[ \t]+only)?[ \t]*(?=[.!)\n]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Choices:
    """A question with a closed set of answers.

    Attributes:
        stem: the question without its options.
        labels: what an answer is called: A, B, C, or yes, no, maybe.
        options: the text of each label; empty if the label says all.
    """

    stem: str
    labels: tuple[str, ...]
    options: tuple[str, ...] = ()

    @cached_property
    def kind(self) -> Label:
        """How an answer to it is found in a text."""
        return Label(labels=self.labels, options=self.options)

    def lettered(self) -> Choices:
        """The same with letters for labels, in the same order."""
        if self.options:
            return self
        letters = tuple(ascii_uppercase[: len(self.labels)])
        return Choices(stem=self.stem, labels=letters, options=self.labels)

    def rotated(self, by: int) -> Choices:
        """The same options under other labels: the one at `by` comes first.

        A model prefers some letters whatever stands behind them; over all rotations that
        preference falls out (Zheng et al. 2024, "Large Language Models Are Not Robust Multiple
        Choice Selectors", section 4.1, cyclic permutation).
        """
        options = self.options[by:] + self.options[:by]
        return Choices(stem=self.stem, labels=self.labels, options=options)

    def shown(self, number: int) -> str:
        """One of the choices, as `B) zinc` or `yes`."""
        label = self.labels[number]
        return f"{label}) {self.options[number]}" if self.options else label

    def text(self) -> str:
        """Stem and options, one a line; the stem comes first, so that it is read once."""
        listed = zip(self.labels, self.options, strict=False)
        return "\n".join([self.stem, *(f"{label}) {option}" for label, option in listed)])


def choices_in(question: str) -> Choices | None:
    """The choices that a question gives; None if it is an open one.

    Lettered options begin with A and leave no letter out: one a line, or in one line behind
    each other. Words are those of an order such as `Answer yes, no or maybe.`
    """
    for pattern in (_LINE, _INLINE):
        if found := _lettered(question, list(pattern.finditer(question))):
            return found
    return _worded(question)


def _lettered(question: str, marks: list[re.Match[str]]) -> Choices | None:
    run = list(_alphabetical(marks))
    if len(run) < 2:
        return None
    ends = [mark.start() for mark in run[1:]] + [len(question)]
    options = [
        question[mark.end(1) + 1 : end].strip().rstrip(";,").partition("\n")[0].strip()
        for mark, end in zip(run, ends, strict=True)
    ]
    if not all(options):
        return None
    return Choices(
        stem=question[: run[0].start()].strip(),
        labels=tuple(mark[1] for mark in run),
        options=tuple(options),
    )


def _alphabetical(marks: list[re.Match[str]]) -> Iterator[re.Match[str]]:
    """The last run of marks that begins with A and goes on letter by letter."""
    starts = [n for n, mark in enumerate(marks) if mark[1] == "A"]
    for n, mark in enumerate(marks[starts[-1] :] if starts else []):
        if n == MOST or mark[1] != chr(ord("A") + n):
            return
        yield mark


def _worded(question: str) -> Choices | None:
    found = list(_WORDS.finditer(question))
    if not found:
        return None
    first, between, last = found[-1].groups()
    labels = tuple(
        dict.fromkeys(word.casefold() for word in [first, *re.findall(r"\w+", between), last])
    )
    stem = f"{question[: found[-1].start()]}{question[found[-1].end() :]}"
    return Choices(stem=stem.strip(" .\n"), labels=labels) if 1 < len(labels) <= MOST else None
