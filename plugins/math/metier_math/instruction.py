"""What the model is told: to write the calculation, and not to calculate.

The text and the examples are the same for every question and stand first, so that the server
reads them once and keeps them. The examples are turns of a conversation: a small model copies
what it seems to have said itself more faithfully than what it is told.
"""

from __future__ import annotations

from dataclasses import replace

from metier.experts.card import Card
from metier.experts.expert import Task, messages_for
from metier.plan import Message
from metier_math.formulas import formulas_for
from metier_math.program import MAX_STEPS, Assignment, Program

MAX_TOKENS = 400
SCHEMA = Program.model_json_schema(mode="serialization")
SCHEMA["properties"]["steps"]["maxItems"] = MAX_STEPS
# What is to be drawn is read from the question.
SCHEMA["properties"]["operation"]["enum"].remove("plot")

_INSTRUCTION = """\
Write the calculation that answers the question, as JSON. Do not calculate: a program does that.
operation: evaluate (arithmetic), solve, differentiate, integrate, simplify, factor, expand, \
limit, convert (units), statistics.
steps: name and expression: numbers, + - * / ^, brackets, earlier names, functions; no words, no \
units. The last is called answer. None where there is nothing to calculate.
to: the point of a limit, or the bounds of an integral."""


def _program(operation: str, *steps: str, variable: str = "", to: str = "", unit: str = "") -> str:
    named = [step.split(": ") for step in steps]
    return Program.model_validate(
        {
            "operation": operation,
            "steps": [Assignment(name=name, expression=text) for name, text in named],
            "variable": variable,
            "to": to,
            "unit": unit,
        }
    ).model_dump_json()


_EXAMPLES = (
    (
        "A fund of $500 grows by 4% a year. What is left after 3 years and a fee of $20?",
        _program("evaluate", "value: 500 * (1 + 4/100)^3", "answer: value - 20", unit="$"),
    ),
    ("Solve 3x - 7 = 11.", _program("solve", "answer: 3*x - 7 = 11", variable="x")),
    (
        "What is the area under x^2 between 0 and 2?",
        _program("integrate", "answer: x^2", variable="x", to="0, 2"),
    ),
)


_SHOWN = tuple(
    Message(role=role, content=text)
    for question, program in _EXAMPLES
    for role, text in (("user", question), ("assistant", program))
)
# What every such conversation begins with.
BEGINNING = (Message(role="system", content=_INSTRUCTION), *_SHOWN)


def asking(card: Card, task: Task) -> tuple[Message, ...]:
    """The conversation in which the model writes a `Program` for a task."""
    instructed = card.model_copy(update={"prompt": _INSTRUCTION})
    asked = replace(task, messages=(*_SHOWN, *task.messages))
    return messages_for(instructed, asked, extra=formulas_for(task))
