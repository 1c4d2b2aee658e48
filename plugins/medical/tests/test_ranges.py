"""Reference ranges: which value is meant, and what guidelines call it."""

from __future__ import annotations

import pytest

from metier import Card, Task
from metier.experts.expert import Result
from metier.testing import ScriptedContext
from metier_medical import Medical
from metier_medical.ranges import Range, all_ranges, readings_in

CARD = Card(id="medical", description="medicine", models=("small",))


def after(asked: str, value: str, question: str) -> Task:
    """A question about a value that an earlier step computed."""
    earlier = Result(step_id="1", expert="math", task=asked, text=value, values={"answer": value})
    return Task(text=question, inputs=(earlier,))


def said(task: Task) -> str:
    return " ".join(reading.text() for reading in readings_in(task))


@pytest.mark.parametrize(
    ("asked", "value", "name"),
    [
        ("my BMI at 94 kg, 1.71 m", "≈ 32.1466 kg/m^2", "obesity, class I"),
        ("Wie hoch ist mein BMI?", "40800/1369 ≈ 29.8028", "overweight"),
        ("The thermometer shows 101.3 °F. In Celsius?", "38.5 °C", "fever"),
        ("38.2 °C in Fahrenheit? A fever.", "≈ 100.76 Fahrenheit", "fever"),
        ("resting pulse was 88, 92 and 96. average?", "92", "normal"),
        ("fasting glucose 7.4 mmol/l times 18", "133.2 mg/dl", "diabetes"),
        ("mean of my oxygen readings 91 and 90", "90.5 %", "low, below normal"),
        ("waist 104 cm, height 176 cm: ratio", "≈ 0.5909", "increased risk"),
        ("two 500 mg paracetamol six times a day in g", "6 g", "too much"),
        ("two 500 mg paracetamol three times a day", "3000 mg", "within the usual maximum"),
        ("grams of alcohol in 3 beers a day", "60 g", "harmful"),
    ],
)
def test_a_value_that_was_computed_is_placed_in_its_range(
    asked: str, value: str, name: str
) -> None:
    assert name in said(after(asked, value, "is that ok?"))


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("meaning of ALT 90 U/l", "ALT of 90 U/L: mildly raised"),
        ("My LDL is 4.9 mmol/l. Dangerous?", "LDL cholesterol of 189.5 mg/dL: high"),
        ("I have a temperature of 39,2 °C", "39.2 °C: fever"),
        ("blood pressure 150/95, is that bad", "Diastolic blood pressure of 95 mmHg: high"),
    ],
)
def test_a_value_that_the_question_states_is_placed_too(question: str, shown: str) -> None:
    assert shown in said(Task(text=question))


@pytest.mark.parametrize(
    "task",
    [
        Task(text="What is a normal BMI?"),
        Task(text="my son is 9 and his pulse is 110"),
        Task(text="oxygen readings 91, 90, 92, 89 percent"),
        Task(text="pulse 2*60 beats"),
        Task(text="The water has a temperature of 60 °C"),
        Task(text="LDL of 3"),
        after("maximum heart rate at 58", "162", "is it safe to train at that rate?"),
        after("dose of paracetamol for a child a day", "6 g", "is it too much?"),
        after("BMI and pulse", "28", "ok?"),
    ],
)
def test_nothing_is_said_of_a_value_that_may_mean_something_else(task: Task) -> None:
    assert readings_in(task) == ()


@pytest.mark.parametrize(
    "question",
    [
        "my dad is resting and takes 7 breaths in 15 sec, is this normal",
        "He takes breaths for 15 seconds at a time. Normal?",
        "Sein Puls war 30 Sekunden lang schwach, ist das schlimm?",
        "my pulse was fast for 3 days, should I worry?",
        "mon pouls bat vite depuis 2 heures, est-ce normal ?",
        "is my BMI of concern at 95 kg?",
        "my HbA1c is 48 mmol/mol, good?",
        "what should my resting pulse be at 58?",
        "my pulse, I'm 58, is fast",
        "resting heart rate of a 45-year-old man",
        "I slept badly 3 times, is that bad?",
        "saturation dropped after 20 minutes",
    ],
)
def test_a_range_without_units_does_not_take_a_number_of_another_unit(question: str) -> None:
    assert readings_in(Task(text=question)) == ()


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("is a BMI of 32 bad for me", "Body mass index of 32 kg/m²"),
        ("my resting pulse was 88 this morning", "88 beats/min: normal"),
        ("resting heart rate 48 and I run a lot of errands", "48 beats/min: low"),
        ("HbA1c of 6.1, what does it mean", "HbA1c of 6.1 %: prediabetes"),
    ],
)
def test_a_range_without_units_takes_a_plain_number(question: str, shown: str) -> None:
    assert shown in said(Task(text=question))


@pytest.mark.anyio
async def test_a_question_that_only_asks_what_a_value_means_needs_no_model() -> None:
    context = ScriptedContext([])
    task = after("my BMI", "32.1", "And is that healthy?")
    text = "".join([piece async for piece in Medical(CARD).answer(task, context)])
    assert text.startswith("Body mass index of 32.1 kg/m²: obesity, class I (30 to under 35;")
    assert not context.calls
    assert context.checked is True


@pytest.mark.anyio
async def test_a_model_that_says_more_reads_the_range_first() -> None:
    context = ScriptedContext(["Eat less."])
    task = after("my BMI", "32.1", "What should I change in my life?")
    text = "".join([piece async for piece in Medical(CARD).answer(task, context)])
    assert text.startswith("Body mass index of 32.1 kg/m²: obesity, class I")
    assert text.endswith("Eat less.")
    assert "obesity, class I" in context.calls[0].messages[-1].content


@pytest.mark.parametrize("each", all_ranges(), ids=lambda each: f"{each.name}, {each.unit}")
def test_the_bands_of_a_range_rise_and_the_last_is_open(each: Range) -> None:
    bounds = [band.below or band.to or 0.0 for band in each.bands[:-1]]
    assert bounds == sorted(bounds)
    assert all(bounds)
    assert (each.bands[-1].below, each.bands[-1].to) == (None, None)
    assert "normal" in {band.level for band in each.bands}
