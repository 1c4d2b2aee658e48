"""`@tool`: which methods an expert offers, and what may be given to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import pytest

from metier.errors import InvalidOutput
from metier.experts.tools import Tool, tool, tools_of

if TYPE_CHECKING:
    from decimal import Decimal


class Cooking:
    @tool
    def scale(self, grams: Annotated[float, "in grams"], servings: int = 2) -> float:
        """Scale an amount."""
        return grams * servings

    @tool(name="total", description="Add up.")
    async def add(self, values: list[float]) -> float:
        return sum(values)

    @staticmethod
    @tool
    def still(text: str) -> str:
        return text

    @property
    def oven(self) -> str:
        raise RuntimeError("looking must not open it")

    def unmarked(self) -> None:
        """Nobody's business."""


SCALE = tools_of(Cooking())["scale"]


def described(tools: dict[str, Tool]) -> dict[str, str]:
    return {name: found.description for name, found in tools.items()}


def test_the_tools_are_the_marked_methods_by_name() -> None:
    assert described(tools_of(Cooking())) == {
        "scale": "Scale an amount.",
        "still": "",
        "total": "Add up.",
    }


def test_tools_are_inherited() -> None:
    class Baking(Cooking):
        @tool
        def rise(self) -> str:
            """Let it rise."""
            return "risen"

    assert sorted(tools_of(Baking())) == ["rise", "scale", "still", "total"]


def test_a_marked_method_is_called_as_before() -> None:
    assert Cooking().scale(100, servings=3) == 300


def test_a_mark_on_a_static_method_is_a_mark_on_its_function() -> None:
    class Still:
        @tool
        @staticmethod
        def still(text: str) -> str:
            return text

    assert list(tools_of(Still())) == ["still"]


def test_a_type_that_only_a_type_checker_sees_is_given_by_its_name() -> None:
    class Exact:
        @tool
        def exact(self, amount: Decimal | None, digits: int = 2) -> Decimal | None:
            """Round it."""
            return amount

    found = tools_of(Exact())["exact"]
    parameters = vars(Exact.exact)["__kernel_function_parameters__"]
    assert [each["type_"] for each in parameters] == ["Decimal, None", "int"]
    assert found.bound({"amount": "1.5"}) == {"amount": "1.5", "digits": 2}


def test_a_docstring_of_several_lines_loses_its_indentation() -> None:
    @tool
    def scale(grams: float) -> float:
        """Scale an amount.

        To the number of servings.
        """
        return grams

    assert scale.__kernel_function_description__ == "Scale an amount.\n\nTo the number of servings."


def test_the_arguments_of_a_tool_have_a_schema() -> None:
    schema = SCALE.arguments.model_json_schema()
    assert schema["properties"] == {
        "grams": {"title": "Grams", "type": "number"},
        "servings": {"title": "Servings", "type": "integer", "default": 2},
    }
    assert (schema["required"], schema["additionalProperties"]) == (["grams"], False)


def test_arguments_become_the_types_of_the_method() -> None:
    assert SCALE.call(**SCALE.bound({"grams": "1.5"})) == 3.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "tool 'scale', argument 'grams': Field required"),
        ({"grams": "much"}, "argument 'grams': "),
        ({"grams": 1, "servings": 1.5}, "argument 'servings': "),
        ({"grams": 1, "salt": 1}, "argument 'salt': "),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidOutput) as caught:
        SCALE.bound(arguments)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["json", "copy", "schema", "model_config", "model_dump", "_x"])
def test_a_parameter_may_have_a_name_that_pydantic_uses(name: str) -> None:
    function = eval(f"lambda {name}: {name}")  # a name cannot be a parameter of a test
    function.__name__ = "echo"
    echo = tools_of(type("Owner", (), {"echo": staticmethod(tool(function))})())["echo"]
    assert echo.call(**echo.bound({name: "x"})) == "x"


def test_a_tool_may_take_more_than_it_names() -> None:
    class Open:
        @tool
        def open(self, text: str, *rest: str, **options: str) -> str:
            return text

    assert tools_of(Open())["open"].bound({"text": "x"}) == {"text": "x"}
