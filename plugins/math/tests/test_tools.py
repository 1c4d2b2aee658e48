from __future__ import annotations

from typing import Any

import pytest

from metier.errors import InvalidInput
from metier.experts.card import Card
from metier_math import Math
from metier_math.calculator import Calculator

CARD = Card(id="math", description="Mathematics")
DERIVED = "Checked: its derivative has the value of the integrand at several points."


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("evaluate", {"expression": "15% of 80"}, "12"),
        ("evaluate", {"expression": "15 mg/kg * 70 kg", "unit": "g"}, "1.05 g"),
        (
            "solve",
            {"equation": "x^2 = 9", "variable": "x"},
            "x = -3 or x = 3\nChecked: put into the equations, it fits them.",
        ),
        ("solve", {"equation": "x = x + 1"}, "no solution"),
        ("differentiate", {"expression": "x^3", "variable": "x"}, "3*x^2"),
        ("integrate", {"expression": "2*x", "variable": "x"}, f"x^2 + C\n{DERIVED}"),
        ("integrate", {"expression": "2*x", "lower": "0", "upper": "3"}, "9"),
        ("differentiate", {"expression": "x^3", "at": "2"}, "3*x^2; at x = 2: 12"),
        ("gradient", {"expression": "x^2 + 3*y"}, "∂/∂x = 2*x, ∂/∂y = 3"),
        ("integrate", {"expression": "x^x", "lower": "0", "upper": "1"}, "≈ 0.7834"),
        ("factor", {"expression": "x^2 - 9"}, "(x - 3)*(x + 3)"),
        ("expand", {"expression": "(x + 1)^2"}, "x^2 + 2*x + 1"),
        ("series", {"expression": "e^x", "order": 2}, "x^2/2 + x + 1 + …"),
        ("simplify", {"expression": "x + x"}, "2*x"),
        ("limit", {"expression": "sin(x)/x", "variable": "x", "to": "0"}, "1"),
        ("convert", {"amount": 0.0, "from_unit": "°C", "to_unit": "°F"}, "32 °F"),
        ("convert", {"amount": 1.5, "from_unit": "km/h", "to_unit": "m/h"}, "1500 m/h"),
        (
            "convert",
            {
                "amount": 5.0,
                "from_unit": "mmol",
                "to_unit": "mg",
                "molar_mass": "180.16 g/mol",
            },
            "900.8 mg",
        ),
        ("dimensions", {"expression": "5 mg/mL * 2 mL"}, "5 mg/mL * 2 mL is a mass"),
        (
            "regression",
            {"xs": [1.0, 2.0], "ys": [3.0, 5.0]},
            "y = 2*x + 1, slope = 2, intercept = 1, r = 1, r² = 1, 2 pairs",
        ),
        (
            "whole_number",
            {"number": "2^4 - 3"},
            "prime: yes, prime factors: 13, divisors: 2, next prime: 17",
        ),
        ("convert", {"amount": 1e22, "from_unit": "g", "to_unit": "kg"}, f"1{'0' * 19} kg"),
    ],
)
async def test_each_tool_computes(
    calculator: Calculator, name: str, arguments: dict[str, Any], result: str
) -> None:
    tool = Math(CARD, calculator=calculator).tools[name]
    assert await tool.call(**tool.bound(arguments)) == result


@pytest.mark.anyio
async def test_the_statistics_tool_takes_many_numbers(calculator: Calculator) -> None:
    tool = Math(CARD, calculator=calculator).tools["statistics"]
    assert (await tool.call(numbers=[0.1] * 1000)).startswith("count = 1000, sum = 100, ")


@pytest.mark.anyio
async def test_a_tool_says_what_does_not_fit(calculator: Calculator) -> None:
    with pytest.raises(InvalidInput, match=r"5 mg \(a mass\) and 2 mL \(a volume\)"):
        await Math(CARD, calculator=calculator).evaluate("5 mg + 2 mL")


@pytest.mark.anyio
async def test_what_was_not_checked_does_not_say_so(calculator: Calculator) -> None:
    text = await Math(CARD, calculator=calculator).solve("cos(x) = x")
    assert text == "x ≈ 0.7391 (found by searching; there may be others)"


def test_every_parameter_of_a_tool_is_described() -> None:
    for tool in Math(CARD).tools.values():
        properties = tool.arguments.model_json_schema()["properties"]
        described = getattr(tool.call, "__kernel_function_parameters__")  # noqa: B009
        assert [parameter["name"] for parameter in described] == list(properties)
        assert all(parameter["description"] for parameter in described)
