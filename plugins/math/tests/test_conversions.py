"""Another unit: asked in words, computed without a model."""

from __future__ import annotations

import pytest
from scripted_context import CARD, kinds, saying

from metier.experts.expert import Result, Task
from metier_math import Math
from metier_math.calculator import Calculator
from metier_math.conversions import conversion_in


def after(value: str, asked: str, *, task: str = "?") -> Task:
    """A question about a value that an earlier step gave."""
    earlier = Result(step_id="1", expert="x", task=task, text=value, values={"answer": value})
    return Task(text=asked, inputs=(earlier,))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("task", "result"),
    [
        (Task(text="The thermometer shows 101.3 °F. What is that in Celsius"), "38.5 Celsius"),
        (Task(text="12.5 kg in pounds?"), "≈ 27.5578 pounds"),
        (Task(text="How many seconds are in 3 days?"), "259200 seconds"),
        (Task(text="0 °C in F"), "32 F"),
        (after("37°C", "what is that in Fahrenheit?"), "98.6 Fahrenheit"),
        (after("37 degrees", "in Fahrenheit?", task="normal in Celsius?"), "98.6 Fahrenheit"),
        (after("8,848 metres", "and in feet?"), "≈ 29028.8714 feet"),
        (after("40 weeks", "Wie viele Tage sind das?"), "280 days"),
        (Task(text="El termómetro marca 103,1 °F. ¿Cuánto es en grados Celsius?"), "39.5 Celsius"),
        (Task(text="Wie viel ist 37,5 °C in Grad Fahrenheit?"), "99.5 Fahrenheit"),
        (Task(text="101,3 °F, ça fait combien en degrés Celsius ?"), "38.5 Celsius"),
        (Task(text="100,4 gradi Fahrenheit in gradi Celsius, per favore"), "38 Celsius"),
        (Task(text="São 95 graus Fahrenheit. Em graus Celsius"), "35 Celsius"),
        (Task(text="¿Cuántos gramos son 2 kg?"), "2000 grams"),
        (Task(text="Combien d'heures ? 3 jours en heures"), "72 hours"),
        (Task(text="how many ml are in 12 fl oz?"), "354.88235475 ml"),
        (Task(text="convertir 10 pies a pulgadas"), "120 inches"),
        (Task(text="Convert 110 km/h to metres per second"), "≈ 30.5556 metres/second"),
        (Task(text="How many square feet are 85 square metres?"), "≈ 914.9324 feet²"),
        (Task(text="How many litres are 2 cubic metres?"), "2000 litres"),
        (Task(text="3 grams per cubic centimetre in kg per litre"), "3 kg/litre"),
    ],
)
async def test_another_unit_needs_no_model(calculator: Calculator, task: Task, result: str) -> None:
    script = saying("none")
    text = await Math(CARD, calculator=calculator).answer(task, script)
    assert text.endswith(f"**Result: {result}**")
    assert kinds(script) == []
    assert script.checked is True


@pytest.mark.parametrize(
    "task",
    [
        Task(text="What is 20% of 5 kg in grams?"),
        Task(text="A pump moves 40 L/min for 15 min. How many gallons is that?"),
        Task(text="how many hours are 17 matches of 90 minutes"),
        Task(text="whats 7/8 as a decimal"),
        Task(text="la mitad de 5 kg en gramos"),
        Task(text="Die Hälfte von 5 kg in Gramm"),
        Task(text="5 kg par jour, combien en grammes"),
        after("4 g", "how many 500 mg tablets is that?"),
        after("between 3 and 5 h", "how many minutes is that?"),
        Task(text="how many days is that?"),
        Task(text="What is the square root of 16 in feet?"),
        Task(text="He earns 20 per visit, what is that in euros"),
    ],
)
def test_what_calculates_with_the_number_is_no_conversion(task: Task) -> None:
    assert conversion_in(task) is None


@pytest.mark.parametrize(
    ("task", "unit"),
    [
        ("and in ounces?", "ounces"),
        ("How many pounds is that?", "pounds"),
        ("What's that in lb, please?", "lb"),
        ("Could you convert it to grams?", "grams"),
        ("Und in Pfund?", "pounds"),
        ("Ça fait combien en livres ?", "pounds"),
        ("¿Y cuánto es eso en libras?", "pounds"),
        ("Quanto fa in libbre?", "pounds"),
        # What is asked is not how much the last answer is.
        ("A stone in pounds?", None),
        ("Pounds in a stone?", None),
        ("And a stone?", None),
        ("How many pounds does it take to make a stone?", None),
        ("An elephant in tonnes?", None),
        ("What is its weight in pounds?", None),
    ],
)
def test_the_last_answer_of_a_conversation_is_converted_if_nothing_else_is_asked(
    task: str, unit: str | None
) -> None:
    (before,) = after("63.5 kg", "?", task="10 stone in kg").inputs
    program = conversion_in(Task(text=task, before=before))
    assert (program and (program.steps[0].expression, program.unit)) == (unit and ("63.5 kg", unit))
