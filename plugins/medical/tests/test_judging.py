"""Questions that only ask what a value means, which need no model."""

from __future__ import annotations

import pytest

from metier import Card, Task
from metier.experts.expert import Result
from metier.testing import ScriptedContext
from metier_medical import Medical
from metier_medical.judging import only_judges
from metier_medical.ranges import readings_in

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


@pytest.mark.parametrize(
    ("asked", "value", "question", "placed"),
    [
        ("Average resting heart rate of adults?", "72 bpm", "Is that normal?", "72 beats/min"),
        ("Average resting heart rate?", "72 bpm", "Is that a good resting pulse?", "72 beats/min"),
        ("My BMI?", "28.4", "Is that BMI healthy for a man of my age?", "28.4 kg/m²"),
        ("My BMI?", "28.4", "which weight category does that put me in", "28.4 kg/m²"),
        ("Mein BMI?", "28,4", "Und ist das zu viel?", "28.4 kg/m²"),
        ("Mon IMC ?", "28.4", "C'est trop ?", "28.4 kg/m²"),
        ("¿Mi IMC?", "28.4", "¿En qué categoría estoy?", "28.4 kg/m²"),
        ("My BMI?", "28.4", "Is that BMI of 17 healthy?", "17 kg/m²"),
        ("My BMI?", "28.4", "Is that a good cholesterol?", None),
        ("My BMI?", "28.4", "Is that dose safe?", None),
        ("My BMI?", "28.4", "Is it dangerous to smoke?", None),
        ("My BMI?", "28.4", "Is that normal when pregnant?", None),
        ("My son's BMI?", "28.4", "Is that healthy?", None),
        ("7*8", "56", "Is that a normal resting heart rate?", None),
    ],
)
def test_the_last_answer_is_placed_only_if_the_question_means_it(
    asked: str, value: str, question: str, placed: str | None
) -> None:
    (before,) = after(asked, value, "?").inputs
    readings = readings_in(Task(text=question, question=f"{question} My pulse?", before=before))
    assert len(readings) == bool(placed)
    assert all((placed or "") in reading.text() for reading in readings)


@pytest.mark.anyio
async def test_a_value_that_the_question_states_counts_before_the_last_answer() -> None:
    (before,) = after("Average resting heart rate of adults?", "72 bpm", "?").inputs
    task = Task(text="And is that dangerous: a resting heart rate of 130 bpm?", before=before)
    context = ScriptedContext(["See a doctor."])
    text = "".join([piece async for piece in Medical(CARD).answer(task, context)])
    assert "130 beats/min: very high" in text
    assert "72" not in text
    assert context.checked is not True


@pytest.mark.anyio
async def test_another_question_after_a_value_is_not_about_it() -> None:
    (before,) = after("What is the BMI for 80 kg and 1.75 m?", "26.1224 kg/m^2", "?").inputs
    task = Task(text="What are signs of flu?", before=before)
    context = ScriptedContext(["Fever and cough."])
    text = "".join([piece async for piece in Medical(CARD).answer(task, context)])
    assert "overweight" not in text
