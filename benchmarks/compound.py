"""Compound questions: gold questions of two or three domains joined into one request.

They are synthetic: fixed templates, a seeded mix. Each part is judged by its own gold, and a
question counts where all of its parts are right.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gold import Item, items
from metier.evaluating.questions import AnswerQuestion
from metier.grading import CodeGold, NumberGold, is_right
from metier.plan import Message
from metier.sandbox import Sandbox

# Rows of a set to draw from, whatever the limit: a short run is how the whole one begins.
POOL = 100
MIXES = (
    ("gsm8k", "humaneval"),
    ("gsm8k", "medqa"),
    ("humaneval", "medqa"),
    ("gsm8k", "humaneval", "medqa"),
)
_TWO = (
    "I have two questions. First: {0}\n\nSecond: {1}",
    "{0}\n\nAlso, something else: {1}",
    "1. {0}\n\n2. {1}",
)
_THREE = (
    "I have three questions. First: {0}\n\nSecond: {1}\n\nThird: {2}",
    "1. {0}\n\n2. {1}\n\n3. {2}",
)
PROMPTED = (
    "Answer each of the questions below in turn, under a heading of its own: Part 1, Part 2 and "
    "so on. Work each out step by step. For a number end the part with 'Answer: ' and the number, "
    "for a choice with 'Answer: ' and its letter, and give code in one fenced block.\n\n"
)
_HEADING = re.compile(
    r"^\s*(?:#+\s*|\*\*\s*)?(?:(?:part|question|answer)\s*(\d)\b|(\d)[.)]\s|(first|second|third)\b)",
    re.IGNORECASE,
)
_ORDINALS = {"first": 1, "second": 2, "third": 3}
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compound:
    """A request, its parts, and what the model alone is asked."""

    question: str
    parts: tuple[AnswerQuestion, ...]

    @property
    def alone(self) -> tuple[Message, ...]:
        """The request as it stands."""
        return (Message(role="user", content=self.question),)

    @property
    def prompted(self) -> tuple[Message, ...]:
        """The request with the order to answer each part in turn."""
        return (Message(role="user", content=PROMPTED + self.question),)


def compounds(folder: Path, *, limit: int, seed: int, skip: int) -> list[Compound]:
    """Joined questions, as many of each mix.

    Args:
        skip: rows of each set that are used elsewhere; HumanEval, and any set that is as short,
            has too few to leave any out.
    """
    draw = random.Random(seed)
    pools = {
        "gsm8k": _pool(folder, "gsm8k", skip),
        "humaneval": items(folder, "humaneval", limit=10**9),
        "medqa": _pool(folder, "medqa", skip),
    }
    return [_joined(pools, MIXES[n % len(MIXES)], draw) for n in range(limit)]


def _pool(folder: Path, name: str, skip: int) -> list[Item]:
    return items(folder, name, limit=POOL, skip=skip) or items(folder, name, limit=POOL)


def _joined(pools: dict[str, list[Item]], mix: Sequence[str], draw: random.Random) -> Compound:
    names = draw.sample(list(mix), len(mix))
    parts = tuple(draw.choice(pools[name]).asked for name in names)
    template = draw.choice(_TWO if len(parts) == 2 else _THREE)
    return Compound(question=template.format(*(part.question for part in parts)), parts=parts)


async def all_right(text: str, parts: Sequence[AnswerQuestion], *, sandboxes: Sandbox) -> bool:
    """Whether an answer holds the right answer to every part."""
    return all([await _is_right(text, n, part, sandboxes) for n, part in enumerate(parts, 1)])


async def _is_right(text: str, number: int, part: AnswerQuestion, sandboxes: Sandbox) -> bool:
    """Judged in the part's section where the text has such, and in the whole text.

    A number also counts where it ends any paragraph: lenient, and the same for everyone.
    """
    if isinstance(part.gold, CodeGold):
        return (await is_right(text, part.gold, sandboxes=sandboxes)).is_right
    prose = _FENCE.sub("", text)
    places = [_sections(prose).get(number, ""), prose]
    if isinstance(part.gold, NumberGold):
        places += _paragraphs(prose)
    return any([(await is_right(place, part.gold)).is_right for place in places])


def _sections(text: str) -> dict[int, str]:
    """What stands under each numbered heading; the longest where a number comes again."""
    found: dict[int, str] = {}
    number, lines = 0, list[str]()
    for line in [*text.splitlines(), "Part 0"]:
        heading = _HEADING.match(line)
        if heading is None:
            lines.append(line)
            continue
        section = "\n".join(lines)
        if number and len(section) > len(found.get(number, "")):
            found[number] = section
        digits = heading[1] or heading[2]
        number = int(digits) if digits else _ORDINALS[heading[3].lower()]
        lines = [line[heading.end() :]]
    return found


def _paragraphs(text: str) -> list[str]:
    return [each for each in re.split(r"\n\s*\n", text) if each.strip()]
