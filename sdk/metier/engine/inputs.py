"""What a step is given: results of earlier steps, or the last answer of the conversation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from metier.engine.facts import FENCED
from metier.engine.values import stated_value
from metier.events import StepDone
from metier.experts.expert import Result, Task
from metier.plan import Message, Plan, Step
from metier.planning.cutting import size_of
from metier.planning.referring import refers_back

# A question with so few words refers to something, also without a pronoun: "and in pounds?"
_FEW_WORDS = 4
# The line in which the math expert states what its working leads to.
_RESULT = re.compile(r"^\*\*Result: ([^\r\n]+)\*\*\r?$", re.MULTILINE)


def task_of(step: Step, plan: Plan, done: Mapping[str, StepDone]) -> Task:
    """What the expert of a step is asked."""
    return Task(
        text=step.task,
        question=plan.question,
        inputs=tuple(_result(need, done[need]) for need in step.needs),
        messages=plan.messages,
        documents=plan.documents,
        before=None if step.needs else last_answer(step.task, plan.messages),
    )


def last_answer(task: str, messages: Sequence[Message]) -> Result | None:
    """The answer before a task that may refer to it.

    None if it states no value or several results, or holds code.

    >>> said = [Message(role="user", content="What is 2 + 2?")]
    >>> last_answer("and in words?", [*said, Message(role="assistant", content="4")]).values
    {'answer': '4'}
    """
    if [message.role for message in messages[-2:]] != ["user", "assistant"]:
        return None
    asked, answer = (message.content for message in messages[-2:])
    if FENCED.search(answer) or not (refers_back(task) or size_of(task) <= _FEW_WORDS):
        return None
    results = _RESULT.findall(answer)
    values = stated_value([answer, *results][-1], asked) if len(results) < 2 else {}
    return Result(step_id="", expert="", task=asked, text=answer, values=values) if values else None


def _result(step_id: str, done: StepDone) -> Result:
    return Result(
        step_id=step_id,
        expert=done.expert,
        task=done.task,
        text=done.text,
        values=done.values or stated_value(done.text, done.task),
    )
