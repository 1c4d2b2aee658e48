"""What is right of a linked request, part by part, wherever in the answer it stands."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from metier.grading import CodeGold, is_right
from metier.grading.markup import plain
from metier.grading.quantities import Quantity, agree, masked, quantities_in
from metier.grading.texts import normal
from metier.grading.units import unit_named
from metier.sandbox import Sandbox

# Answers round as they like: this is the same for both arms.
TOLERANCE = 0.005
_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_HEADING = re.compile(r"^\s*#{1,6}\s.*$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
# A shorter sentence, such as "Normal.", may well be the answer.
_FEWEST_WORDS = 4
# So many words before a label may deny it.
_DENIED = r"\b(?:not|no|never|nicht|kein\w*|isn t|doesn t|don t|aren t)(?: \w+){0,3} "

Words = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
]


class Part(BaseModel):
    """One thing that a right answer says.

    Attributes:
        contains: words of which the answer has to say one.
        label: the same of a verdict, which must not be denied.
        tests: of the Python in the answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: float | None = None
    unit: str = ""
    tolerance: float = TOLERANCE
    contains: Words = ()
    label: Words = ()
    tests: Words = ()


class Chain(BaseModel):
    """A linked request."""

    model_config = ConfigDict(frozen=True)

    q: str
    experts: tuple[str, ...]
    gold: tuple[Part, ...]


async def wrong_parts(text: str, chain: Chain, *, sandboxes: Sandbox) -> list[Part]:
    """The parts that an answer lacks. What it only repeats of the request does not count."""
    said = _own_words(text, chain.q)
    return [part for part in chain.gold if not await _is_right(text, said, part, sandboxes)]


async def _is_right(text: str, said: str, part: Part, sandboxes: Sandbox) -> bool:
    if part.tests:
        gold = CodeGold(tests=part.tests)
        return (await is_right(text, gold, sandboxes=sandboxes)).is_right
    if part.number is not None:
        return _states(said, part)
    if part.label:
        return any(_affirms(said, label) for label in part.label)
    return any(f" {normal(word)} " in f" {normal(plain(said))} " for word in part.contains)


def _own_words(text: str, question: str) -> str:
    """The answer without its headings, and without sentences of the request."""
    bare = _HEADING.sub("", text)
    asked = normal(question)
    return "\n".join(each for each in _SENTENCE.split(bare) if not _repeats(each, asked))


def _repeats(sentence: str, asked: str) -> bool:
    said = normal(sentence)
    return len(said.split()) >= _FEWEST_WORDS and said in asked


def _states(text: str, part: Part) -> bool:
    own = unit_named(part.unit)
    right = Quantity.of(str(part.number), part.unit)
    for stated in quantities_in(masked(plain(_FENCED.sub("\n", text))), own):
        found = stated.quantity
        if found.unit is None or not part.unit:
            found = Quantity(found.value, own)
        if agree(found, right, tolerance=part.tolerance):
            return True
    return False


def _affirms(text: str, label: str) -> bool:
    word = re.escape(normal(label))
    for sentence in _SENTENCE.split(plain(text)):
        said = normal(sentence)
        if re.search(rf"\b{word}\b", said) and not re.search(rf"{_DENIED}{word}\b", said):
            return True
    return False
