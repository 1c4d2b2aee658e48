"""Questions that only ask what a value means, which need no model."""

from __future__ import annotations

import pytest

from metier import Card, Task
from metier.experts.expert import Result
from metier.testing import ScriptedContext
from metier_medical import Medical
from metier_medical.judging import only_judges

CARD = Card(id="medical", description="medicine", models=("small",))


def after(asked: str, value: str, question: str) -> Task:
    """A question about a value that an earlier step computed."""
    earlier = Result(step_id="1", expert="math", task=asked, text=value, values={"answer": value})
    return Task(text=question, inputs=(earlier,))


@pytest.mark.parametrize(
    ("judged", "only"),
    [
        ("which weight category does that put me in", True),
        ("and what category is that?", True),
        ("which CKD stage would that be", True),
        ("am I under or over the guideline", True),
        ("is that enough for his age?", True),
        ("what does that mean: normal or fever?", True),
        ("whats the medical word for such a pulse", True),
        ("tell me the category it falls into", True),
        ("how bad is that", True),
        ("too high or too low?", True),
        ("mild, moderate or severe?", True),
        ("CKD stage?", True),
        ("¿tengo obesidad?", True),
        ("in welche Kategorie falle ich damit?", True),
        ("Wie steht das zur WHO-Empfehlung?", True),
        ("und ist das zu viel?", True),
        ("dis-moi si c'est normal", True),
        ("dans quelle catégorie suis-je ?", True),
        ("c'est trop ?", True),
        ("¿en qué categoría estoy?", True),
        ("¿Qué significa eso, normal o fiebre?", True),
        ("¿es demasiado?", True),
        ("in che categoria rientro?", True),
        ("bastano per la sua età?", True),
        ("cosa significa questo valore?", True),
        ("what should I change in my life?", False),
        ("is that bad and what can I do about it?", False),
        ("is it safe to fly with that?", False),
        ("ist das schlimm und was soll ich tun?", False),
        ("pourquoi est-ce trop haut ?", False),
        ("¿es malo y qué debo hacer?", False),
        ("è alto? e come lo abbasso?", False),
        ("should I take two tablets then?", False),
        ("write my doctor a line about it", False),
    ],
)
def test_a_question_that_only_judges_is_told_from_one_that_asks_more(
    judged: str, only: bool
) -> None:
    assert only_judges(after("my BMI", "32.1", judged)) is only


def test_a_question_about_no_computed_value_is_not_only_judged() -> None:
    assert only_judges(Task(text="is that healthy?")) is False


@pytest.mark.anyio
async def test_a_category_is_named_without_a_model() -> None:
    context = ScriptedContext([])
    task = after("Cockcroft-Gault clearance", "25.2083", "which CKD stage would that be")
    text = "".join([piece async for piece in Medical(CARD).answer(task, context)])
    assert "CKD stage 4" in text
    assert "below the minimum of 90 mL/min" in text
    assert not context.calls


@pytest.mark.anyio
async def test_a_category_that_no_range_has_is_left_to_the_model() -> None:
    context = ScriptedContext(["Stage II."])
    task = after("size of the tumour", "3 cm", "which stage would that be")
    text = "".join([piece async for piece in Medical(CARD).answer(task, context)])
    assert text.startswith("Stage II.")


@pytest.mark.anyio
async def test_the_last_answer_of_a_conversation_is_placed_without_a_model() -> None:
    (before,) = after("What is the BMI for 80 kg and 1.75 m?", "26.1224 kg/m^2", "?").inputs
    context = ScriptedContext()
    task = Task(text="Is that healthy?", before=before)
    text = "".join([piece async for piece in Medical(CARD).answer(task, context)])
    assert "overweight" in text
    assert context.checked is True


@pytest.mark.anyio
async def test_another_question_after_a_value_is_not_about_it() -> None:
    (before,) = after("What is the BMI for 80 kg and 1.75 m?", "26.1224 kg/m^2", "?").inputs
    task = Task(text="What are signs of flu?", before=before)
    context = ScriptedContext(["Fever and cough."])
    text = "".join([piece async for piece in Medical(CARD).answer(task, context)])
    assert "overweight" not in text
