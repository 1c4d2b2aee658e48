"""One answer from several results by program: each result under its own task, in reading order."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from metier.answer import StepResult
from metier.plan import Step

# A heading has at most so many characters.
_LONGEST = 80
_CODE = re.compile(r"(?<!`)`{3,}+[^`]*+(?:`{3,}+|\Z)")
_LIST_MARK = re.compile(r"(?:[-*•–]|\(?\d{1,2}[.)])\s+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")  # full-width marks
_ASKS = ("?", "？", "؟")
_LAST_MARKS = " .:;,。：；，"


class Sections:
    """Gives out each result as soon as all before it in reading order are there or have failed.

    Args:
        steps: those of the plan.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._waiting = reading_order(steps)
        self._last_heading = ""
        self._begun = False
        # Parts of one and the same task need no heading that repeats the question.
        self._headed = len({step.task for step in steps}) > 1

    def take(self, results: Mapping[str, StepResult], failed: Collection[str]) -> str:
        """The sections that can be given out now; empty if the next one is not settled."""
        out = ""
        while self._waiting and (self._waiting[0].id in results or self._waiting[0].id in failed):
            step = self._waiting.pop(0)
            if step.id in results:
                out += self._section(step.task, results[step.id].text)
        return out

    def _section(self, task: str, text: str) -> str:
        blocks = [text.strip()]
        title = heading(task)
        if self._headed and title and title != self._last_heading:
            blocks.insert(0, f"## {title}")
        self._last_heading = title
        lead = "\n\n" if self._begun else ""
        self._begun = True
        return lead + "\n\n".join(blocks)


def reading_order(steps: Sequence[Step]) -> list[Step]:
    """The steps as they are read: a step that needs another follows it, else as in the plan."""
    order: list[Step] = []
    waiting = list(steps)
    while waiting:
        done = [step.id for step in order]
        ready = [step for step in waiting if set(step.needs) <= set(done)]
        # Of those that can follow, one that goes on from the latest result.
        following = max(ready, key=lambda step: _latest(step, done))
        order.append(following)
        waiting.remove(following)
    return order


def _latest(step: Step, done: Sequence[str]) -> int:
    return max((done.index(need) for need in step.needs), default=-1)


def heading(task: str) -> str:
    """A task as a heading: its own words, those that ask, and no more than fit.

    >>> heading("A patient weighs 70 kg and needs 15 mg/kg of it. What is one dose in mg, then?")
    'What is one dose in mg, then?'
    """
    text = " ".join(_CODE.sub(" ", task).split())
    text = _LIST_MARK.sub("", text, count=1) if _LIST_MARK.match(text) else text
    if len(text) > _LONGEST:
        sentences = _SENTENCE_END.split(text)
        asking = [each for each in sentences if each.endswith(_ASKS)]
        text = asking[-1] if asking else sentences[0]
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST].rpartition(' ')[0] or text[:_LONGEST]} …"
    text = text.rstrip(_LAST_MARKS)
    return text[:1].upper() + text[1:]
