"""Functions drawn: in the answer, in characters by command, and as SVG by matplotlib."""

from __future__ import annotations

import math
import sys
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from scripted_context import CARD, kinds, saying

from metier.errors import InvalidInput
from metier.experts.expert import Task
from metier_math import Math, compute
from metier_math.calculator import Calculator
from metier_math.curves import curve
from metier_math.drawing import drawn
from metier_math.handing_on import handed_on
from metier_math.plot import as_svg, main
from metier_math.stated import stated_in


@pytest.mark.parametrize(
    ("task", "text", "to"),
    [
        ("Plot y = x^2 - 4 from -3 to 3", "x^2 - 4", "-3, 3"),
        ("plot sin(x)", "sin(x)", ""),
        ("Can you draw the graph of f(x) = sin(x)/x?", "sin(x)/x", ""),
        ("please sketch the function 2x + 1 between 0 and 5", "2x + 1", "0, 5"),
        ("graph cos(t) for t from 0 to 2pi", "cos(t)", "0, 2pi"),
        ("Zeichne den Graphen der Funktion x^3 - 3x von -2 bis 2", "x^3 - 3x", "-2, 2"),
        ("trace la courbe de x^2 de -1 à 1", "x^2", "-1, 1"),
        ("dibuja la gráfica de 3x^2", "3x^2", ""),
    ],
)
def test_what_is_to_be_drawn_is_read(task: str, text: str, to: str) -> None:
    program = stated_in(Task(text=task))
    assert program is not None
    assert (program.operation, program.steps[0].expression, program.to) == ("plot", text, to)


@pytest.mark.parametrize(
    "task",
    [
        "plot sin(x) with matplotlib",
        "Plot x^2 + y^2 from -1 to 1",
        "draw the mean of those",
        "Draw 2 cards from a deck (without looking)",
        "Explain the plot of The Matrix (1999)",
        "plot a*x^2",
    ],
)
def test_what_is_not_one_function_is_left_to_the_model(task: str) -> None:
    program = stated_in(Task(text=task))
    assert program is None or program.operation != "plot"


def test_a_parabola_falls_and_rises() -> None:
    lines = drawn(curve("x^2 - 4", bounds="-3, 3")).splitlines()
    assert lines[0].startswith(" 5 ┤⢣")
    assert lines[0].endswith("⡜")
    assert lines[15].startswith("-4 ┤")
    assert "⣀" in lines[15][30:40]
    (zero,) = [line for line in lines if line.startswith(" 0 ┤")]
    assert "┈" in zero
    assert lines[16] == f"   └{'─' * 64}"
    assert lines[17].split() == ["-3", "0", "3"]
    assert lines[17].index("0") == lines[5].index("┊")
    assert len(lines[17]) == len(lines[16])


def test_the_curve_goes_through_the_values_of_the_function() -> None:
    found = curve("exp(x)", bounds="0, 2")
    (piece,) = found.pieces
    assert len(piece) == 256
    assert all(math.isclose(y, math.exp(x)) for x, y in piece)
    assert (found.bottom, found.top) == (1.0, math.exp(2))
    assert found.title == "y = exp(x), x from 0 to 2"


@pytest.mark.parametrize(
    ("text", "bounds", "pieces"),
    [
        ("1/x", "", 2),
        ("1/(x^2 - 1)", "-3, 3", 3),
        ("tan(x)", "0, pi", 2),
        ("ln(x)", "-1, 1", 1),
        ("sqrt(x^2 - 1)", "-3, 3", 2),
        ("x^3", "", 1),
        ("sin(50*x)", "", 1),
        ("7", "", 1),
        ("floor(x)", "-2, 2", 1),
        ("sign(x)", "", 1),
        ("1/(x - 1)^3", "0, 3", 2),
    ],
)
def test_a_curve_breaks_at_poles_and_gaps_and_nowhere_else(
    text: str, bounds: str, pieces: int
) -> None:
    found = curve(text, "x", bounds=bounds)
    assert len(found.pieces) == pieces
    assert found.bottom < found.top


def test_beside_a_pole_the_rest_is_not_flat() -> None:
    found = curve("1/x", bounds="-10, 10")
    assert max(y for piece in found.pieces for _, y in piece) > 20
    assert found.top < 10


@pytest.mark.parametrize(
    ("text", "bounds", "reason"),
    [
        ("sqrt(-1 - x^2)", "", "has no real values for x from -10 to 10"),
        ("a*x", "", "it is not said by which of a, x"),
        ("x", "3, 1", "a drawing goes from left to right, not from 3 to 1"),
        ("x", "0, oo", "not a real number"),
        ("x", "0", "are not two bounds"),
        ("x > 1", "", "is not allowed in an expression"),
    ],
)
def test_what_cannot_be_drawn_says_why(text: str, bounds: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        curve(text, bounds=bounds)


def test_another_variable_has_no_value() -> None:
    with pytest.raises(InvalidInput, match="the value of a is not said"):
        curve("a*x", "x")


@given(
    power=st.integers(-3, 5),
    factor=st.integers(-1000, 1000),
    low=st.integers(-1000, 999),
    width=st.integers(1, 1000),
)
def test_a_drawing_has_its_size_whatever_is_drawn(
    power: int, factor: int, low: int, width: int
) -> None:
    lines = drawn(curve(f"{factor}*x^({power}) + x", bounds=f"{low}, {low + width}")).splitlines()
    assert len(lines) == 18
    edge = lines[0].index("┤")
    assert all(len(line) <= edge + 65 for line in lines)
    assert any(0x2800 < ord(char) <= 0x28FF for line in lines for char in line)


@pytest.mark.anyio
async def test_an_answer_draws_without_a_model(calculator: Calculator) -> None:
    context = saying("No.")
    math_expert = Math(CARD, calculator=calculator)
    text = await math_expert.answer(Task(text="Plot x^2 - 4 from -3 to 3"), context)
    assert text.startswith("y = x^2 - 4, x from -3 to 3\n\n```text\n 5 ┤")
    assert text.endswith("3\n```")
    assert kinds(context) == []


@pytest.mark.anyio
async def test_what_cannot_be_drawn_is_not_left_to_a_model(calculator: Calculator) -> None:
    context = saying("No.")
    math_expert = Math(CARD, calculator=calculator)
    text = await math_expert.answer(Task(text="Plot sqrt(-1 - x^2)"), context)
    assert text == "Not drawn: sqrt(-1 - x^2) has no real values for x from -10 to 10."
    assert kinds(context) == []


def test_a_later_step_gets_the_function_and_not_its_picture() -> None:
    task = "Plot x^2 from 0 to 1"
    program = stated_in(Task(text=task))
    assert program is not None
    assert handed_on(program, compute.run(program), task) == {"answer": "x^2"}


def test_svg_is_a_document_with_a_path_for_each_piece_and_the_same_each_time() -> None:
    found = curve("1/x", bounds="-1, 1")
    written = as_svg(found)
    assert written == as_svg(found)
    root = ET.fromstring(written)
    curves = [each for each in root.iter() if each.get("id") == "curve"]
    assert len(curves) == 2


def test_svg_without_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = CliRunner().invoke(main, ["x^2", "-f", "svg"])
    assert result.exit_code == 1
    assert "pip install 'metier-math[plot]'" in result.output


def test_the_command_draws_in_the_terminal_and_as_svg() -> None:
    text = CliRunner().invoke(main, ["x^2", "--from", "-1", "--to", "1"])
    assert text.output.startswith("y = x^2, x from -1 to 1\n\n")
    assert "┤" in text.output
    svg = CliRunner().invoke(main, ["x^2", "-f", "svg"])
    assert svg.exit_code == 0
    assert "<svg" in svg.output


def test_the_command_says_what_is_wrong() -> None:
    result = CliRunner().invoke(main, ["x +"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
