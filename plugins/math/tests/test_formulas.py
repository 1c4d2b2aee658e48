"""Formulas that a question names: which are shown, and whether they are right."""

from __future__ import annotations

import pytest

from metier.experts.expert import Task
from metier_math.compute import run
from metier_math.formulas import Formula, all_formulas, formulas_for
from metier_math.program import Assignment, Program


def shown(text: str) -> str:
    return formulas_for(Task(text=text))


@pytest.mark.parametrize(
    "each", [each for each in all_formulas() if each.example], ids=lambda each: each.name
)
def test_a_formula_gives_the_result_of_its_example(each: Formula) -> None:
    values = {name: value for name, value in each.example.items() if name != "result"}
    steps = [Assignment(name=name, expression=f"{value:.12g}") for name, value in values.items()]
    last = Assignment(name="answer", expression=each.formula.partition(" = ")[2])
    program = Program(operation="evaluate", steps=(*steps, last))
    assert float(run(program)[-1].approx) == pytest.approx(each.example["result"], rel=1e-6)


@pytest.mark.parametrize("each", all_formulas(), ids=lambda each: each.name)
def test_a_formula_is_named_by_each_of_its_words(each: Formula) -> None:
    also = each.also[0] if each.also else ""
    for word in each.words:
        assert word == word.lower()
        assert each.named_in(f"What is the {word.removesuffix('*')}, {also}?")


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("work out LDL with the Friedewald formula pls", "triglycerides / 5"),
        ("Cockcroft-Gault for a man of 74, 66 kg", "(140 - age) * weight_kg"),
        ("Na 142, Cl 100, bicarb 14. Calculate the anion gap", "sodium - chloride"),
        ("BP 74/41. Give me the mean arterial pressure", "(systolic + 2 * diastolic) / 3"),
        ("Wie hoch ist der Grundumsatz eines Mannes", "10 * weight_kg + 6.25 * height_cm"),
        ("How many pack-years is that", "cigarettes_a_day / 20"),
        ("2 pints of 5.2% beer: how many UK units of alcohol", "ml * alcohol_percent / 1000"),
        ("Wie viel Gramm Salz sind das aus 1,3 g Natrium", "sodium * 2.5"),
        ("newborn 3400 g, now 3010 g. what % did she lose", "(weight_before - weight_after)"),
        ("monthly payment on a 12000 loan at 6%", "loan * monthly_rate"),
        ("cuota mensual de un préstamo", "loan * monthly_rate"),
        ("Quel est le volume d'un cône", "pi * radius^2 * height / 3"),
        ("how many ways can I draw 3, order doesn't matter", "binomial(total, chosen)"),
        ("LDL 4.9 mmol/l in mg/dl", "mmol_l * 38.67"),
        ("Wie viel Mehrwertsteuer ist in 119 € brutto enthalten", "gross * rate / (100 + rate)"),
        ("Standardfehler bei n = 25", "standard_deviation / sqrt(number)"),
        ("a profit margin of 20% at a cost of 80", "(price - cost) / price"),
    ],
)
def test_a_formula_is_shown_if_it_is_named(text: str, formula: str) -> None:
    assert formula in shown(text)


@pytest.mark.parametrize(
    "text",
    [
        "What is 15% of 80?",
        "population density of Berlin",
        "I put a marginal note on page 12",
        "the sphere of influence of Rome",
        "sodium 140 mmol/l in my blood",
        "Mike is 12. How old is he in 5 years?",
        "the HDL cable costs 20 euros",
        "",
    ],
)
def test_nothing_is_shown_of_what_is_not_named(text: str) -> None:
    assert shown(text) == ""


def test_two_formulas_are_shown_at_most() -> None:
    text = "BMI, pack-years, anion gap, CAGR and the mean arterial pressure"
    assert shown(text).count(" = ") == 2
    assert "systolic" in shown(text)
