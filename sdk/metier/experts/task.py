"""What an expert is asked, and what earlier steps gave."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from metier.experts.tool_choice import one_line
from metier.plan import Document, Message

# The name of the value that answers a task, among others that it states.
ANSWER = "answer"
# So much of an earlier task is shown with its value; the question is at its end.
_SHOWN_TASK = 160
# A value, outside of the tags: short, and with nothing that gives orders.
_VALUE = re.compile(r"(?=[^\d\n]{0,40}\d)[\w .,;:%‰°²³µμ/^*+=≈()$€£¥<>≤≥-]{1,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What an earlier step was asked, and gave.

    Attributes:
        values: what its expert named for later steps, each with its unit: `{"dose": "1050 mg"}`.
    """

    step_id: str
    expert: str
    task: str
    text: str
    values: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """What a model is shown of it."""
        return f"Asked: {self.task}\n{self.text}"

    @property
    def value(self) -> str:
        """The value that answers the task: the one named `answer`, or the only one; else `""`."""
        only = next(iter(self.values.values())) if len(self.values) == 1 else ""
        return self.values.get(ANSWER, only)

    @property
    def given(self) -> str:
        """Its values in one line with what they answer; empty if it has none to show.

        Of `143883*pi/1000 ≈ 452.0218 ml` only the decimal is shown.
        """
        shown = {name: _as_decimal(value) for name, value in self.values.items()}
        named = [f"{name} = {value}" for name, value in shown.items() if _VALUE.fullmatch(value)]
        return f"{one_line(self.task)[-_SHOWN_TASK:]} {', '.join(named)}" if named else ""


def _as_decimal(value: str) -> str:
    """The value without an expression that only a program reads; a fraction stays."""
    exact, _, decimal = value.rpartition("≈")
    return decimal.strip() if any(char.isalpha() or char in "*(" for char in exact) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What an expert is asked.

    Attributes:
        text: its subtask.
        question: the whole question that it is a part of; the same text where it is all of it.
        inputs: results of the steps that this one needs.
        messages: the conversation before the question.
        before: the last answer of the conversation with its value, if the task may refer to it; no
            prompt shows it, since it is among the messages.
    """

    text: str
    question: str = ""
    inputs: tuple[Result, ...] = ()
    messages: tuple[Message, ...] = ()
    documents: tuple[Document, ...] = ()
    before: Result | None = None

    @property
    def referred(self) -> tuple[Result, ...]:
        """The results that it may refer to: those of earlier steps, else the last answer."""
        return self.inputs or ((self.before,) if self.before is not None else ())

    @property
    def said(self) -> str:
        """All that the task says, and what it brings with it."""
        return " ".join(
            [
                self.text,
                self.question,
                *(result.text for result in self.inputs),
                *(message.content for message in self.messages),
                *(document.text for document in self.documents),
            ]
        )
