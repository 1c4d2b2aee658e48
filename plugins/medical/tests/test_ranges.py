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


def test_of_several_values_the_answer_is_placed() -> None:
    values = {"mean": "7", "answer": "32.1"}
    earlier = Result(step_id="1", expert="math", task="my BMI?", text="", values=values)
    assert "obesity, class I" in said(Task(text="is that healthy?", inputs=(earlier,)))


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
        ("my dad is resting and takes 7 breaths in 15 sec, normal?", "28 breaths/min: very high"),
        ("he has 40 beats in 30 seconds, is this ok", "80 beats/min: normal"),
        ("7 Atemzüge in 15 Sekunden, ist das normal?", "28 breaths/min"),
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
        "my dad is resting and takes deep breaths in 15 sec bursts, is this normal",
        "He takes breaths for 15 seconds at a time. Normal?",
        "Sein Puls war 30 Sekunden lang schwach, ist das schlimm?",
        "my pulse was fast for 3 days, should I worry?",
        "mon pouls bat vite depuis 2 heures, est-ce normal ?",
        "is my BMI of concern at 95 kg?",
        "my HbA1c is 48 mmol, good?",
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
        ("I take paracetamol, 5 g a day", "above the limit of 4 g"),
        ("my salt is 9 g per day", "Salt of 9 g a day: too much"),
    ],
)
def test_a_range_without_units_takes_a_plain_number(question: str, shown: str) -> None:
    assert shown in said(Task(text=question))


@pytest.mark.parametrize(
    ("asked", "value", "shown"),
    [
        ("UK units of alcohol a week in 6 pints", "23.6", "above the limit of 14 units a week"),
        ("units of wine per week", "14", "at the limit of 14 units a week"),
        ("caffeine today, total", "460 mg", "above the limit of 400 mg a day"),
        ("I'm pregnant. caffeine a day?", "206 mg", "above the limit of 200 mg a day"),
        ("Wie viel Gramm Salz sind 3,9 g Natrium am Tag?", "9.75 grams", "the limit of 5 g a day"),
        (
            "how much sodium is 3 g of salt a day?",
            "1200 mg",
            "Sodium in food of 1.2 g a day: within",
        ),
        ("free sugars per day", "30 g", "within the limit of 50 g a day"),
        (
            "how many minutes do I walk a week",
            "165 minutes",
            "above the minimum of 150 minutes a week",
        ),
        ("brisk walking per week", "2 hours", "below the minimum of 150 minutes a week"),
        ("what is the anion gap", "28", "raised (high), as with a metabolic acidosis"),
        ("ankle 84, arm 140: ankle-brachial index", "0.6", "peripheral artery disease"),
        ("Cockcroft-Gault clearance", "25.2083", "CKD stage 4"),
        ("newborn 3400 g, now 3010 g: what % did she lose", "11.47", "above the limit of 10 %"),
        ("last period to the baby's birth, in days", "254 days", "late preterm (premature)"),
        ("gestation at birth in weeks", "43 weeks", "post-term"),
        ("haemoglobin of my husband, average", "12.4 g/dl", "mild anaemia"),
        ("haemoglobin of my wife, average", "12.4 g/dl", "within the usual range, 12 to 16 g/dL"),
        ("Hb of a woman", "105 g/l", "moderate anaemia"),
        ("mean ferritin", "11 ng/ml", "iron deficiency"),
        ("mean of my platelets", "95", "low: thrombocytopenia"),
        ("white cell count, average", "13.2 /nl", "high: leukocytosis"),
        ("INR, mean", "1.1", "INR without anticoagulants of 1.1: normal"),
        ("corrected calcium", "2.9 mmol/l", "hypercalcaemia"),
        ("corrected calcium", "8.7 mg/dl", "within the usual range, 8.5 to 10.5 mg/dL"),
        ("magnesium in mmol/l", "0.61 mmol/l", "low"),
        ("phosphate", "1.1 mmol/l", "normal"),
        ("uric acid in mg/dl", "8.2 mg/dl", "gout"),
        ("bilirubin in mg/dl", "3.4 mg/dl", "jaundice"),
        ("albumin", "3.1 g/dl", "Albumin of 31 g/L: low"),
        ("lactate", "4.4 mmol/l", "very high"),
        ("QTc by Bazett", "472.3", "prolonged (too long)"),
        ("QTc by Bazett", "0.47 s", "QTc of 470 ms: prolonged"),
        ("ejection fraction", "37 %", "below the minimum of 50 %"),
        ("sum of the Glasgow coma scale", "8", "severe: coma"),
        ("Apgar of the baby, total", "6", "moderately abnormal"),
        ("my husband's waist in cm", "104 cm", "substantially increased risk"),
        ("my wife's waist in cm", "78 cm", "within the limit of 80 cm"),
        ("waist-to-hip ratio of a woman", "0.9", "above the limit of 0.85"),
        ("waist-to-hip ratio of a man", "0.88", "within the limit of 0.9"),
        ("urine output per kg and hour", "0.4 mL/kg/h", "oliguria"),
        ("total cholesterol to HDL ratio", "6.4", "high: a high risk"),
        ("non-HDL cholesterol", "195 mg/dl", "high"),
        ("my son is 8 years old. how long does he sleep", "7 hours", "not enough for this age"),
        ("Mio figlio di 8 anni: quante ore dorme?", "10 hours", "enough for this age"),
        ("random glucose", "210 mg/dl", "the range of diabetes"),
        ("OGTT, 2 hour glucose", "8.1 mmol/l", "prediabetes"),
        ("blood sugar 2 h after a meal", "165 mg/dl", "within the goal of people with diabetes"),
        ("HbA1c", "50 mmol/mol", "the range of diabetes"),
        ("estimated average glucose of an HbA1c of 6.5", "139.85 mg/dl", "the range of diabetes"),
        ("blood alcohol", "0.9 ‰", "above the driving limit of the UK"),
        ("blood alcohol", "0.06 %", "Blood alcohol of 0.6 ‰"),
        ("vitamin B12", "100 pmol/l", "low: deficient"),
        ("pack-years", "33", "enough to qualify"),
        ("PHQ-9 total", "16", "moderately severe depression"),
        ("GAD-7 total", "8", "mild anxiety"),
        (
            "fasting sugar 6.4 mmol/L times 18",
            "115.2",
            "Fasting glucose of 115.2 mg/dL: prediabetes",
        ),
        (
            "total 273, HDL 41, triglycerides 180. work out LDL",
            "196",
            "LDL cholesterol of 196 mg/dL",
        ),
        ("total cholesterol 6.2, HDL 1.1: the ratio", "5.64", "above the limit of 4"),
        ("creatinine of a man in mg/dl", "168 µmol/l", "Creatinine of a man of 1.9 mg/dL: high"),
        ("weight lost without trying, in percent", "8.7", "it should be checked"),
        ("peak flow in percent of the best", "66.7", "yellow zone"),
        ("my MCV on average", "74", "microcytic"),
        ("mean AST", "55 U/l", "mildly raised"),
        ("fibre a day", "18 g", "below the minimum of 25 g a day"),
        ("fruit and vegetables a day", "450 grams", "above the minimum of 400 g a day"),
        ("My daughter (14) sleeps from 23:30 to 6:15", "6.75 hours", "not enough for this age"),
        ("my son is 10 and sleeps from 22:00 to 7:30", "9.5 hours", "enough for this age"),
        ("32 beats in 15 seconds, per minute", "128 beats per minute", "tachycardia"),
        ("7 Atemzüge in 15 Sekunden, pro Minute", "28 Atemzüge pro Minute", "too fast"),
        ("¿Cuánto es 103 °F? Una fiebre", "39.5 Celsius", "39.5 °C: fever"),
    ],
)
def test_further_measurements_are_placed(asked: str, value: str, shown: str) -> None:
    assert shown in said(after(asked, value, "is that ok?"))


@pytest.mark.parametrize(
    "task",
    [
        after("insulin units a week", "60", "is that a lot?"),
        after("units of beer per day", "3", "is that a lot?"),
        after("caffeine in one cup", "95 mg", "is that a lot?"),
        after("salt in the soup", "3 g", "is that a lot?"),
        after("sodium in the blood per day", "141 mmol", "ok?"),
        after("waist in cm", "92 cm", "is that ok?"),
        after("haemoglobin, mean", "12.4 g/dl", "low?"),
        after("INR with warfarin", "2.6", "too high?"),
        after("platelets", "150000", "ok?"),
        after("QTc", "0.41", "ok?"),
        after("LDL times 1", "4.9", "ok?"),
        after("HDL 41, triglycerides 180, mean", "110", "ok?"),
        after("my weight loss in percent", "8.7", "ok?"),
        after("HbA1c and the average glucose", "9 kg", "ok?"),
        after("my dog's heart rate", "130", "is that normal?"),
        after("walk with the dog per week", "160 minutes", "enough?"),
        after("how far I walk a week", "20 km", "enough?"),
        after("she is 4 years old, he 9 years old. how long do they sleep", "9 hours", "enough?"),
        after("lactate threshold while running", "4 mmol/l", "good?"),
        after("alkaline phosphatase and phosphate", "1.1 mmol/l", "ok?"),
        after("newborn's weight on day 4", "3010 g", "normal?"),
        after("sum of the anion gap", "28 kg", "ok?"),
        after("blood sugar in fasting mice per day", "30 g", "ok?"),
        after("tempo of the song in heartbeats", "128 beats per minute", "fast?"),
        Task(text="I drank wine for 3 weeks, 2 units of it were left. ok?"),
        Task(text="7 breaths in 15 sec and 9 breaths in 15 sec, is one normal?"),
        Task(text="My platelets were taken 3 times"),
        Task(text="paracetamol 500 mg six times a day, ok?"),
        Task(text="caffeine: 95 mg per cup, 3 cups a day. ok?"),
        Task(text="the gcs course takes 12 weeks"),
    ],
)
def test_a_near_miss_is_not_read(task: Task) -> None:
    assert readings_in(task) == ()


@pytest.mark.parametrize(
    ("name", "amount", "unit", "value"),
    [
        ("magnesium", "2.0", "mg/dl", 0.8228),
        ("phosphate", "3.5", "mg/dl", 1.13015),
        ("uric acid", "416", "µmol/l", 6.99296),
        ("total bilirubin", "20", "µmol/l", 1.17),
        ("lactate in the blood", "18", "mg/dl", 1.998),
        ("haemoglobin of a man", "8.7", "mmol/l", 14.0157),
        ("waist of a man", "40", "inches", 101.6),
        ("vitamin B12", "200", "pmol/l", 271),
        ("non-HDL cholesterol", "4", "mmol/l", 154.68),
        ("random glucose", "11.1", "mmol/l", 199.9776),
        ("blood alcohol", "0,08", "%", 0.8),
        ("caffeine", "0.4", "g", 400),
        ("moderate activity", "2.5", "hours", 150),
        ("salt", "5000", "mg", 5),
    ],
)
def test_a_value_in_another_unit_is_converted(
    name: str, amount: str, unit: str, value: float
) -> None:
    (found,) = (each for each in all_ranges() if each.name == name)
    assert found.value_of(amount, unit) == pytest.approx(value)


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
