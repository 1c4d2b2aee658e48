"""Nothing is called checked because a model wrote it, or because it could be computed or run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from metier import Answer, Card, Council, Document, Expert, Plan, Settings, tool
from metier.plan import Step
from metier.testing import FixedEmbedder, ScriptedModels
from metier_code import Code
from metier_math import Math
from metier_medical import Medical

STORY = (
    "Ann has 3 boxes with 12 pens in each of them. She gives 5 pens to her brother and buys "
    "another 4 pens in the shop. How many pens does she have now?"
)
LEAFLET = Document(name="leaflet", text="Tablets are kept in the blue cupboard beside the door.")


class Cook(Expert):
    @tool
    def scale(self, grams: float, servings: int) -> float:
        """Scale an amount to a number of servings."""
        return grams * servings


def card(expert: str) -> Card:
    return Card(id=expert, description=expert, models=("small",))


def program(expression: str) -> str:
    return json.dumps(
        {"operation": "evaluate", "steps": [{"name": "answer", "expression": expression}]}
    )


def lines(expression: str) -> str:
    return f"```python\nanswer = {expression}\n```"


def python(code: str) -> str:
    return f"```python\n{code}\n```"


def asked(
    folder: Path, expert: Expert, task: str, *replies: str, documents: tuple[Document, ...] = ()
) -> Answer:
    """The answer to a task of models that say these words, the last of them again and again."""
    words = iter(replies)

    def said(_: object) -> str:
        return next(words, replies[-1])

    step = Step(id="1", task=task, expert=expert.id)
    with (
        ScriptedModels({"small": said}) as models,
        Council.of(
            [expert],
            settings=Settings(cache_dir=folder),
            server=models,
            embedder=FixedEmbedder(),
        ) as council,
    ):
        return council.run_sync(Plan(question=task, steps=(step,), documents=documents))


def attacks() -> Iterator[tuple[str, Expert, str, tuple[str, ...], tuple[Document, ...]]]:
    """Wrong answers that nothing but their model supports."""
    math, code, cook = Math(card("math")), Code(card("code")), Cook(card("cook"))
    yield "a wrong sum", math, "15 in 100 of 80?", (program("15 + 80"),), ()
    yield "a wrong rate", math, "He runs 10 km in 50 min, how fast?", (program("50 / 10"),), ()
    yield "words", math, "15 in 100 of 80?", ("It is 95.",), ()
    yield "one story", math, STORY, (lines("3 * 12"), "I cannot."), ()
    yield "stories that differ", math, STORY, tuple(lines(f"3 * 12 + {n}") for n in range(9)), ()
    yield "a number left out", math, STORY, (lines("3 * 12 - 5"), lines("36 - 5 + 4")), ()
    wrong = python("def double(x):\n    return x")
    yield "code that runs", code, "Write double, which doubles a number.", (wrong,), ()
    yield "code that fails", code, "Write it: double(2) == 4", (wrong,), ()
    call = json.dumps({"tool": "scale", "arguments": {"grams": 50, "servings": 6}})
    scaled = "One serving takes 50 g. How much is it for 6?"
    yield "a tool's result changed", cook, scaled, (call, "Take 350 g."), ()
    yield "a tool's result left out", cook, scaled, (call, "Take as much as you like."), ()
    made_up = json.dumps({"tool": "scale", "arguments": {"grams": 70, "servings": 6}})
    yield "a made-up argument", cook, scaled, (made_up, "Take 420 g."), ()
    where = "Where are the tablets kept?"
    quote = 'In the bin: "Tablets are kept in the bin beside the door."'
    yield "a made-up quote", Expert(card("general")), where, (quote,), (LEAFLET,)
    yield "no quote", Expert(card("general")), where, ("In the bin.",), (LEAFLET,)
    yield "medical words", Medical(card("medical")), where, ("In the bin.",), ()
    choices = "Which is a fruit? (A) salt (B) apple"
    yield "a letter", Expert(card("general")), choices, ("A",), ()


@pytest.mark.parametrize(
    ("expert", "task", "replies", "documents"),
    [pytest.param(*rest, id=name) for name, *rest in attacks()],
)
def test_a_wrong_answer_that_only_its_model_supports_is_never_checked(
    tmp_path: Path,
    expert: Expert,
    task: str,
    replies: tuple[str, ...],
    documents: tuple[Document, ...],
) -> None:
    answer = asked(tmp_path, expert, task, *replies, documents=documents)
    assert [part.checked for part in answer.parts] in ([None], [False])


@pytest.mark.parametrize(
    ("expert", "task", "replies", "how"),
    [
        (
            Math(card("math")),
            "5 km in miles?",
            ("never asked",),
            "read from the question and computed; no model wrote it",
        ),
        (
            Math(card("math")),
            STORY,
            (lines("3 * 12 - 5 + 4"), lines("12 * 3 + 4 - 5")),
            "2 of 2 programs agree",
        ),
        (
            Code(card("code")),
            "Write it: double(2) == 4",
            (python("def double(x):\n    return 2 * x"),),
            "1 of 1 passed (the question's examples)",
        ),
        (
            Cook(card("cook")),
            "One serving takes 50 g. How much is it for 6?",
            (
                json.dumps({"tool": "scale", "arguments": {"grams": 50, "servings": 6}}),
                "Take 300 g.",
            ),
            "the answer says what scale returned",
        ),
    ],
    ids=["read", "agreed", "ran", "called"],
)
def test_what_is_checked_says_how(
    tmp_path: Path, expert: Expert, task: str, replies: tuple[str, ...], how: str
) -> None:
    (part,) = asked(tmp_path, expert, task, *replies).parts
    assert (part.checked, part.how_checked) == (True, how)


def test_a_quote_that_is_found_is_what_was_checked(tmp_path: Path) -> None:
    said = 'There: "Tablets are kept in the blue cupboard beside the door."'
    expert, task = Expert(card("general")), "Where are the tablets kept?"
    (part,) = asked(tmp_path, expert, task, said, documents=(LEAFLET,)).parts
    assert (part.checked, part.how_checked) == (True, "quote found in the document")
