"""Requests with several needs, made from the cards' own examples for the splitter to learn from."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metier.planning.cutting import Piece
from metier.planning.fillers import FILLERS

# The marks at the end of an example, which a joint may replace.
_MARKS = " .?!;,。？！"
# Put before the next part: after the mark of the previous part, or in its place.
_AFTER_MARK = (" ", " ", "\n", "\n\n", " Also, ", " And ", " Then ")
_FOR_MARK = (
    " and ",
    ", and ",
    ", ",
    ", ",
    "; ",
    ". ",
    ". ",
    "? ",
    " also ",
    " and then ",
    " and also ",
    ", then ",
    " ",
    "\n",
    " und ",
    " et ",
    "。",
    "，",
    ". Außerdem ",
    " - ",
)
_LISTS = ("{0}) ", "{0}. ", "({0}) ", "- ")
_AFTER_FILLER = (": ", ". ", ", ", "\n", "! ", " ", "\n\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A part of a joined request; its expert is None for a filler."""

    start: int
    end: int
    expert: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A request made of examples, with the expert of each part."""

    text: str
    regions: tuple[Region, ...]


def joined(examples: Mapping[str, Sequence[str]], count: int, *, seed: int = 0) -> list[Joined]:
    """Make requests with one to three parts of different experts, and fillers around them.

    Args:
        examples: the examples of each expert.
    """
    dice = random.Random(seed)  # noqa: S311  # nothing secret
    experts = sorted(name for name, texts in examples.items() if texts)
    if not experts:
        return []
    return [_one(dice, experts, examples) for _ in range(count)]


def parts_of(request: Joined, pieces: Sequence[Piece]) -> list[tuple[int, int, str | None]] | None:
    """Return the first piece, the end and the expert of each part; None if a piece is in two."""
    found: list[tuple[int, int, str | None]] = []
    at = 0
    for region in request.regions:
        start = at
        while at < len(pieces) and pieces[at].start < region.end:
            # A piece has the mark at its end, a region may not.
            if pieces[at].end > region.end + 1:
                return None
            at += 1
        if at > start:
            found.append((start, at, region.expert))
    return found or None


def _one(
    dice: random.Random, experts: Sequence[str], examples: Mapping[str, Sequence[str]]
) -> Joined:
    wanted = min(len(experts), dice.choices((1, 2, 3), (35, 45, 20))[0])
    spoken = dice.random() < 0.25
    parts = [(_part(dice, examples[name]), name) for name in dice.sample(experts, wanted)]
    text, regions = "", list[Region]()

    def add(piece: str, expert: str | None) -> None:
        nonlocal text
        body = piece.lower().rstrip(_MARKS) if spoken else piece
        regions.append(Region(start=len(text), end=len(text) + len(body), expert=expert))
        text += body

    listed = dice.choice(_LISTS) if wanted > 1 and not spoken and dice.random() < 0.15 else None
    if dice.random() < 0.2:
        add(dice.choice(FILLERS), None)
        text += " " if spoken else dice.choice(_AFTER_FILLER)
    for n, (part, expert) in enumerate(parts):
        if n:
            text = _joint(dice, text, spoken=spoken) if listed is None else f"{text}\n"
            if not spoken and dice.random() < 0.15:
                add(dice.choice(FILLERS), None)
                text += dice.choice(_AFTER_FILLER)
        if listed is not None:
            text += listed.format(n + 1)
        add(part, expert)
    if dice.random() < 0.1:
        text += " " if spoken else dice.choice((" ", ". ", "\n"))
        add(dice.choice(FILLERS), None)
    return Joined(text=text, regions=tuple(regions))


def _part(dice: random.Random, texts: Sequence[str]) -> str:
    """An example, or two of one expert as a longer text."""
    text = dice.choice(texts)
    if dice.random() < 0.15:
        text = f"{text.rstrip(_MARKS)}. {dice.choice(texts)}"
    return text[0].lower() + text[1:] if dice.random() < 0.3 else text


def _joint(dice: random.Random, text: str, *, spoken: bool) -> str:
    if spoken:
        return text + dice.choice((" and ", " ", " and then ", ", ", " also "))
    if dice.random() < 0.4:
        return text + dice.choice(_AFTER_MARK)
    return text.rstrip(_MARKS) + dice.choice(_FOR_MARK)
