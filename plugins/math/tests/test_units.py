from __future__ import annotations

import pytest

from metier.errors import InvalidInput
from metier_math.compute import evaluate, run
from metier_math.program import Assignment, Program
from metier_math.units import convert


@pytest.mark.parametrize(
    ("quantity", "unit", "result"),
    [
        ("5 km", "miles", "≈ 3.1069 miles"),
        ("72 km/h", "m/s", "20 m/s"),
        ("60 miles per hour", "km/h", "96.56064 km/h"),
        ("0 °C", "°F", "32 °F"),
        ("100 F", "C", "≈ 37.7778 C"),
        ("25 degrees celsius", "fahrenheit", "77 fahrenheit"),
        ("-40 degC", "degF", "-40 degF"),
        ("0 km", "m", "0 m"),
        ("3/4 cup", "tbsp", "12 tbsp"),
        ("10 square meters", "cm^2", "100000 cm^2"),
        ("1 in", "cm", "2.54 cm"),
        ("5 lbs", "kg", "2.26796185 kg"),
        ("500 mcg", "mg", "0.5 mg"),
        ("180 degrees", "rad", "≈ 3.1416 rad"),
        ("1.5 KM", "m", "1500 m"),
        ("5 km + 300 m", "m", "5300 m"),
        ("2 mg*3", "g", "0.006 g"),
        ("5 feet 11 inches", "cm", "180.34 cm"),
        ("1 h 30 min", "min", "90 min"),
        ("40 units", "IU", "40 IU"),
        ("5 Δ°C", "°F", "9 °F"),
        ("9 delta_degF", "degC", "5 degC"),
        ("5 delta C", "F", "9 F"),
        ("25 °C - 20 °C", "°F", "9 °F"),
        ("5 °C", "K", "278.15 K"),
    ],
)
def test_a_quantity_is_converted(quantity: str, unit: str, result: str) -> None:
    assert convert(quantity, unit).text == result


def test_a_conversion_is_exact_where_units_are() -> None:
    assert convert("5 km", "miles").exact == "78125/25146 miles"


def test_a_conversion_by_pi_claims_no_exact_value() -> None:
    assert convert("180 degrees", "rad").exact == ""


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("15 mg/kg * 70 kg", "1050 mg"),
        ("100 km / 2 h", "50 km/h"),
        ("10 km/h * 30 min", "5 km"),
        ("1 g + 500 mg", "1.5 g"),
        ("300 mg / (50 mg/mL)", "6 mL"),
        ("0.15 mg/kg/h * 54 kg * 8 h", "64.8 mg"),
        ("sqrt(9 m^2)", "3 m"),
        ("1 km / 2 m", "500"),
        ("500 mg / (250 mg/tablet)", "2 tablet"),
        ("ceil(575 mg / (250 mg/tablet))", "3 tablet"),
        ("round(15.7 mg)", "16 mg"),
        ("40 units/kg * 70 kg", "2800 IU"),
        ("5 kg * 9.81 m/s^2", "49.05 N"),
        ("100 N / 2 m^2", "50 Pa"),
        ("1000 W * 3 h", "3000 W*h"),
        ("54 km / (2 h 15 min)", "24 km/h"),
        ("20 °C + 5 Δ°C", "25 °C"),
        ("20 °C - 15 °C", "5 Δ°C"),
        ("20 °C - 50 °F", "-14 Δ°F"),
        ("4.18 kJ/(kg*°C) * 2 kg * 10 K", "83.6 kJ"),
    ],
)
def test_units_are_calculated_with(text: str, result: str) -> None:
    assert evaluate(text).text == result


@pytest.mark.parametrize(
    ("text", "unit", "result"),
    [
        ("15 mg/kg * 70 kg", "g", "1.05 g"),
        ("1 L / (125 mL/h)", "h", "8 h"),
        ("5 mcg/kg/min * 80 kg / (4 mg/mL)", "mL/h", "6 mL/h"),
        ("1000 mL * 15 drops/mL / 8 h", "drops/min", "31.25 drops/min"),
        ("175 mg / (250 mg / 5 mL)", "mL", "3.5 mL"),
        ("5 mmol * 180.16 g/mol", "mg", "900.8 mg"),
        ("5.5 mmol/L * 180.16 g/mol", "mg/dL", "99.088 mg/dL"),
        ("20 °C - 15 °C", "°F", "9 °F"),
    ],
)
def test_doses_and_rates_come_in_the_unit_that_was_asked_for(
    text: str, unit: str, result: str
) -> None:
    assert evaluate(text, unit=unit).text == result


@pytest.mark.parametrize(
    ("factor", "value", "quantity", "unit", "result"),
    [
        ("molar_mass", "180.16 g/mol", "5 mmol", "mg", "900.8 mg"),
        ("molar_mass", "180.16 g/mol", "99.088 mg/dL", "mmol/L", "5.5 mmol/L"),
        ("density", "0.8 kg/L", "2 L", "kg", "1.6 kg"),
        ("concentration", "50 mg/mL", "1050 mg", "mL", "21 mL"),
    ],
)
def test_a_step_may_stand_between_two_dimensions(
    factor: str, value: str, quantity: str, unit: str, result: str
) -> None:
    steps = (Assignment(name=factor, expression=value), Assignment(expression=quantity))
    assert run(Program(operation="convert", steps=steps, unit=unit))[-1].text == result


@pytest.mark.parametrize(
    ("quantity", "unit", "hint"),
    [
        ("5 mmol", "mg", "molar mass"),
        ("5 mg/dL", "mmol/L", "molar mass"),
        ("5 mL", "mg", "density or concentration"),
        ("5 °C", "mg", ""),
    ],
)
def test_a_conversion_says_what_would_make_it_possible(quantity: str, unit: str, hint: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be converted") as raised:
        convert(quantity, unit)
    assert hint in raised.value.hint
    assert bool(hint) == bool(raised.value.hint)


def test_the_result_is_given_in_the_unit_that_was_asked_for() -> None:
    assert evaluate("15 mg/kg * 70 kg", unit="g").text == "1.05 g"


@pytest.mark.parametrize(
    ("text", "result"), [("0 °C", "32 °F"), ("20 °C", "68 °F"), ("0 K", "-459.67 °F")]
)
def test_a_temperature_keeps_its_scale_where_it_is_evaluated(text: str, result: str) -> None:
    assert evaluate(text, unit="°F").text == result


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5 mg + 2 mL", "5 mg (a mass) and 2 mL (a volume) cannot be added"),
        ("5 km - 2 h", "cannot be added or subtracted"),
        ("sin(5 kg)", "sin needs a plain number, not 5 kg (a mass)"),
        ("2 m + 3", "cannot be added"),
    ],
)
def test_a_mix_of_dimensions_is_an_error_that_says_why(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        evaluate(text)
    assert reason in raised.value.message


def test_a_result_of_another_dimension_than_asked_for_is_an_error() -> None:
    with pytest.raises(InvalidInput, match=r"mg \(a mass\) cannot be converted to mL"):
        evaluate("15 mg/kg * 70 kg", unit="mL")


@pytest.mark.parametrize(
    ("quantity", "unit", "reason"),
    [
        ("5 mg", "mL", r"a mass\) cannot be converted to mL \(a volume"),
        ("5 bananas", "kg", "'bananas' has no value and is no unit"),
        ("5 km", "bananas", "'bananas' has no value and is no unit"),
        ("5 km", "", "missing"),
        ("5 km", "2 m", "not a unit"),
        ("5", "km", "a plain number"),
        ("i km", "m", "not an expression"),
        ("5 km", "h", "a length.*a time"),
        ("5 m**9**9**9", "m", "too large"),
    ],
)
def test_a_conversion_that_is_impossible_says_why(quantity: str, unit: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        convert(quantity, unit)
