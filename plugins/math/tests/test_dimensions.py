from __future__ import annotations

import pytest

from metier.errors import InvalidInput
from metier_math.compute import evaluate, run
from metier_math.dimensions import described_dimension
from metier_math.program import Assignment, Program


@pytest.mark.parametrize(
    ("text", "measure"),
    [
        ("15 mg/kg * 70 kg", "a mass"),
        ("1 L / (125 mL/h)", "a time"),
        ("kg*m/s^2", "a force"),
        ("mL/h", "a flow"),
        ("5 mmol/L", "a molar concentration"),
        ("sqrt(9 m^2)", "a length"),
        ("mean([5 km/h, 3 m/s])", "a speed"),
        ("3 tablets * 250 mg/tablet", "a mass"),
        ("variance(2 m, 3 m)", "an area"),
        ("pow(2 m, 3)", "a volume"),
        ("3 + 4", "a plain number"),
        ("2^(1 m / 1 m)", "a plain number"),
        ("5 W/m^2", "[mass]/[time]^3"),
    ],
)
def test_a_calculation_measures_something(text: str, measure: str) -> None:
    assert described_dimension(text).text == f"{text} is {measure}"


def test_a_unit_fits_what_is_measured() -> None:
    assert described_dimension("15 mg/kg * 70 kg", "g").text.endswith("is a mass; g fits it")


def test_a_unit_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="is a mass, and mL is a volume"):
        described_dimension("15 mg/kg * 70 kg", "mL")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5 mg + 2 mL", "5 mg (a mass) and 2 mL (a volume) cannot be added"),
        ("0 mg + 5 mL", "0 mg (a mass) and 5 mL (a volume) cannot be added"),
        ("5 mg - 5 mg + 2 mL", "(a mass) and 2 mL (a volume) cannot be added"),
        ("(5 mg + 2 mL) * 0", "cannot be added"),
        ("2 m + 3", "2 m (a length) and 3 (a plain number) cannot be added"),
        ("max(5 mg, 7 mL)", "5 mg (a mass) and 7 mL (a volume)"),
        ("5 mmol + 3 mg", "5 mmol (an amount of substance) and 3 mg (a mass)"),
        ("ln(5 kg)", "ln needs a plain number, not 5 kg (a mass)"),
        ("2^(3 m)", "an exponent needs a plain number, not 3 m (a length)"),
        ("(3 m)^sqrt(2)", "cannot have the exponent sqrt(2)"),
        ("20 °C * 3 °C", "temperatures cannot be added or multiplied"),
        ("40 °C / 20 °C", "temperatures cannot be added or multiplied"),
        ("sqrt(4 °C)", "temperatures cannot be added or multiplied"),
        ("20 °C + 5 K", "temperatures cannot be added or multiplied"),
        ("5 bananas", "'bananas' has no value and is no unit"),
    ],
)
def test_what_does_not_fit_is_named(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        evaluate(text)
    assert reason in raised.value.message


def test_an_earlier_step_has_a_dimension_too() -> None:
    steps = (
        Assignment(name="dose", expression="15 mg/kg * 70 kg"),
        Assignment(name="volume", expression="dose / (50 mg/mL)"),
        Assignment(name="total", expression="volume + 2 mg"),
    )
    with pytest.raises(InvalidInput, match=r"volume \(a volume\) and 2 mg \(a mass\)"):
        run(Program(operation="evaluate", steps=steps))
