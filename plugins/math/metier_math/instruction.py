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

_INSTRUCTION = """\
Write the calculation that answers the question, as JSON. Do not calculate: a program does that.
operation: evaluate (arithmetic and word problems), solve (equations), differentiate, integrate, \
simplify, factor, expand, limit, convert (units), statistics (a list of numbers).
steps: each has a name and an expression of numbers, + - * / ^, brackets, names of earlier steps \
and functions such as sqrt, sin, ln, mean, round. No words and no units in it. The last step is \
called answer and uses the steps before it. No steps where there is nothing to calculate.
variable: the letter to solve, differentiate or integrate for.
to: the point of a limit, or the two bounds of an integral.
unit: the unit of the answer."""


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
        "A box of 12 pens costs $20 and a single pen $2. Ann buys 3 boxes and 5 pens, gets 10% "
        "off, and pays with a $100 note. How much does she get back?",
        _program(
            "evaluate",
            "boxes: 3 * 20",
            "pens: 5 * 2",
            "full_price: boxes + pens",
            "price: full_price * (1 - 10/100)",
            "answer: 100 - price",
            unit="$",
        ),
    ),
    (
        "A pump moves 40 L/min. How many litres is that in 15 min?",
        _program("evaluate", "rate: 40", "minutes: 15", "answer: rate * minutes", unit="L"),
    ),
    ("What is 30% of 90?", _program("evaluate", "answer: 30/100 * 90")),
    ("Solve 3x - 7 = 11.", _program("solve", "answer: 3*x - 7 = 11", variable="x")),
    ("How far is 5 km in miles?", _program("convert", "answer: 5 km", unit="miles")),
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
