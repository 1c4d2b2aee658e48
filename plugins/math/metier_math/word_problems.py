"""Word problems: the model writes its reasoning as lines of Python, and they are computed.

One program of a small model is wrong too often, and two that were written independently rarely
agree on a wrong number. So programs are written until two agree (self-consistency, Wang et al.
2023), eight at most; where the server writes several side by side, until one result leads by two.
One that something speaks against (`doubts`) has no vote where another has (docs/decisions/0019).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from metier.errors import BudgetExceeded, InvalidInput
from metier.experts.card import Card
from metier.experts.expert import Context, Task, messages_for
from metier.experts.threads import in_thread
from metier.models.server import Sampling
from metier.plan import Message
from metier_math.calculator import Calculator
from metier_math.doubts import doubts, numbers_used
from metier_math.formulas import formulas_for
from metier_math.program import Computed
from metier_math.reading import Worked, worked

MAX_TOKENS = 500
TEMPERATURE = 0.7
SAMPLES = 8
# So many that agree are enough, if nothing speaks against them; and so many in any case.
AGREEING = 2
IN_DOUBT = 4
# Of programs that were written side by side, a result is enough that leads by so many.
LEAD = 2
# After so many of which none could be read, the question needs more than lines.
MOST_UNREAD = 5
# The end of a fenced block: what a model says after its program is not read.
STOP = ("\n```\n",)

_FEWEST_WORDS = 25
_SENTENCE_END = re.compile(r"[.?!](?:\s|$)")
_ALGEBRA = re.compile(
    r"\b[a-z]\s*(?:\^|\*\*|=|<|>|≤|≥)|\b\d+\s?[xyz]\b|\b[fgh]\([a-z]\)|∫|√|"
    r"\b(?:solve|differentiate|derivatives?|integrals?|integrate|simplify|matri(?:x|ces)|"
    r"polynomials?|equations?|standard deviation|median|variance)\b",
    re.IGNORECASE,
)

_ORDER = (
    "Write a Python function solution() that returns the answer as a number. Name each quantity "
    "and comment each step with what the question says. Only the code, in one block."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """A calculation with its results.

    Attributes:
        uses: the numbers of the question from which the result follows.
        doubts: what speaks against it.
        agreeing: how many of the programs that were written give this result.
        written: how many could be computed.
    """

    worked: Worked
    results: tuple[Computed, ...]
    uses: frozenset[str] = frozenset()
    doubts: tuple[str, ...] = ()
    agreeing: int = 1
    written: int = 1

    @property
    def is_confirmed(self) -> bool:
        """Whether at least two programs and half of all give this, and nothing is against it."""
        return self.agreeing > 1 and 2 * self.agreeing >= self.written and not self.doubts

    @property
    def how_checked(self) -> str:
        """What was compared, in a few words."""
        against = f"; {'; '.join(self.doubts)}" if self.doubts else ""
        return f"{self.agreeing} of {self.written} programs agree{against}"


def is_word_problem(text: str) -> bool:
    """Whether a question is a story with numbers, and not algebra or a single sum."""
    several = len(_SENTENCE_END.findall(text)) > 1
    is_long = several and len(text.split()) >= _FEWEST_WORDS
    return is_long and _ALGEBRA.search(text) is None


async def solution(
    task: Task,
    card: Card,
    context: Context,
    calculator: Calculator,
    *,
    samples: int = SAMPLES,
    agreeing: int = AGREEING,
) -> Solution:
    """The result that most of the programs give, those in doubt aside; the first of equals.

    Args:
        samples: programs that are written at most.
        agreeing: so many with the same result are enough, if nothing speaks against them.

    Raises:
        InvalidInput: none of them can be computed; the message says why of the last.
        DeadlineExceeded, ExpertFailed: as `Calculator.run` raises them.
    """
    found: list[Solution] = []
    written = 0
    reason = InvalidInput("no program was written")
    samplings = [_sampling(context.sampling, number) for number in range(samples)]
    with suppress(BudgetExceeded):
        async for replies in context.replies(asking(card, task), samplings):
            for reply in replies:
                try:
                    found.append(await _computed(reply, task.text, calculator))
                except InvalidInput as exc:
                    reason = exc
            written += len(replies)
            if _decided(found, agreeing, side_by_side=len(replies) > 1):
                break
            if not found and written >= MOST_UNREAD:
                break
    if not found:
        raise reason
    return _best(found)


def asking(card: Card, task: Task) -> tuple[Message, ...]:
    """What the model is asked: a program instead of a sum in its head."""
    plain = card.model_copy(update={"prompt": ""})
    return messages_for(plain, task, extra=f"{formulas_for(task)} {_ORDER}".strip())


def _sampling(given: Sampling, number: int) -> Sampling:
    """The first is the model's likeliest, the others are drawn."""
    temperature = TEMPERATURE if number else given.temperature
    return replace(
        given,
        seed=given.seed + number,
        temperature=temperature,
        max_tokens=MAX_TOKENS,
        stop=STOP,
    )


async def _computed(reply: str, question: str, calculator: Calculator) -> Solution:
    working = await in_thread(worked, reply)
    results = await calculator.run(working.program)
    return Solution(
        worked=working,
        results=results,
        uses=await in_thread(numbers_used, question, working),
        doubts=await in_thread(doubts, question, working, results[-1]),
    )


def _decided(found: Sequence[Solution], agreeing: int, *, side_by_side: bool) -> bool:
    groups = _ranked(found)
    votes = [*map(_undoubted, groups), 0, 0]
    settled = votes[0] - votes[1] >= LEAD if side_by_side else votes[0] >= agreeing
    return settled or any(len(alike) >= IN_DOUBT for alike in groups)


def _best(found: Sequence[Solution]) -> Solution:
    alike = _ranked(found)[0]
    clearest = min(alike, key=lambda each: len(each.doubts))
    return replace(clearest, agreeing=len(alike), written=len(found))


def _ranked(found: Sequence[Solution]) -> list[list[Solution]]:
    """The solutions with the same result together, first those that most give without a doubt."""
    groups: dict[str, list[Solution]] = {}
    for each in _compared(found):
        groups.setdefault(_value(each.results[-1]), []).append(each)
    return sorted(groups.values(), key=lambda alike: (-_undoubted(alike), -len(alike)))


def _compared(found: Sequence[Solution]) -> list[Solution]:
    """The same with a further doubt: a number that another one uses, and this one does not.

    One that none of them uses is idle, as stories have some.
    """
    used = frozenset[str]().union(*(each.uses for each in found))
    return [
        replace(
            each, doubts=(*(f"{n} is left out" for n in sorted(used - each.uses)), *each.doubts)
        )
        for each in found
    ]


def _undoubted(alike: Sequence[Solution]) -> int:
    return sum(not each.doubts for each in alike)


def _value(result: Computed) -> str:
    return result.exact or result.text
