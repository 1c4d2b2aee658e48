"""Tools in semantic_kernel 1.45: the same marks, and calls through its kernel."""

from __future__ import annotations

import types
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from enum import Enum
from typing import Annotated, Any, Literal, Optional, Union

import pytest
from pydantic import BaseModel

from metier.experts.card import Capability, Card
from metier.experts.expert import Expert
from metier.experts.tools import tool

# It warns while it is imported; that is its own affair.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from semantic_kernel import Kernel
    from semantic_kernel.functions import KernelArguments, kernel_function

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:semantic_kernel"),
]

CARD = Card(
    id="cooking",
    description="Recipes",
    capabilities=(Capability(name="scale", description="Scale a recipe"),),
)


class Unit(Enum):
    GRAM = "g"


class Amount(BaseModel):
    grams: float


def plain(self: object, grams: float, servings: int) -> float:
    """Scale an amount."""
    return grams * servings


def defaults(self: object, n: int = 2, word: str = "", flag: bool = False, x: float = 0.0) -> str:
    """Take it or leave it."""
    return f"{n}{word}{flag}{x}"


def described(
    self: object,
    grams: Annotated[float, "in grams"],
    servings: Annotated[int, "how many eat"] = 4,
    names: Annotated[list[str] | None, "who eats"] = None,
) -> Annotated[float, "grams for each"]:
    """Share it."""
    return grams / servings


def optional(
    self: object,
    a: int | None,
    b: str | None = None,
    c: Optional[float] = None,  # noqa: UP045  # what is tried here
    d: Union[int, str] = 1,  # noqa: UP007
    e: int | str | None = None,
) -> int | None:
    """Perhaps."""
    return a


def generic(
    self: object,
    values: list[float],
    table: dict[str, float],
    pair: tuple[int, str],
    rows: list[dict[str, list[int]]],
    many: set[str],
) -> list[float]:
    """Many at once."""
    return values


def special(
    self: object,
    anything: Any,
    unit: Unit,
    amount: Amount,
    choice: Literal["a", "b"],
    bare: list,
) -> Amount:
    """Types of one's own."""
    return amount


def bare(self, a, b=1, c=None):  # noqa: ANN001, ANN201  # what is tried here
    return a


def silent(self: object) -> None:
    """Return nothing."""


def hidden(
    self: object,
    query: Annotated[
        str, {"description": "what to look for", "include_in_function_choices": False}
    ],
) -> str:
    """Look it up."""
    return query


async def later(self: object, text: str) -> str:
    """Answer later."""
    return text


def pieces(self: object, text: str) -> Iterator[str]:
    """Give the words."""
    yield from text.split()


async def stream(self: object, text: str) -> AsyncIterator[str]:
    """Give the words as they come."""
    for word in text.split():
        yield word


SIGNATURES = [
    plain,
    defaults,
    described,
    optional,
    generic,
    special,
    bare,
    silent,
    hidden,
    later,
    pieces,
    stream,
]


def copied(function: Callable[..., Any]) -> Callable[..., Any]:
    copy = types.FunctionType(function.__code__, function.__globals__, function.__name__)
    copy.__defaults__ = function.__defaults__
    copy.__annotations__ = dict(function.__annotations__)
    copy.__doc__ = function.__doc__
    return copy


def marks(function: Callable[..., Any]) -> dict[str, object]:
    return {name: value for name, value in vars(function).items() if "kernel_function" in name}


@pytest.mark.parametrize("function", SIGNATURES, ids=lambda function: function.__name__)
def test_a_tool_has_the_attributes_of_a_kernel_function(function: Callable[..., Any]) -> None:
    assert marks(tool(copied(function))) == marks(kernel_function(copied(function)))


@pytest.mark.parametrize("name", [None, "other"])
@pytest.mark.parametrize("description", [None, "Else."])
def test_a_tool_takes_the_same_arguments_as_a_kernel_function(
    name: str | None, description: str | None
) -> None:
    ours = tool(name=name, description=description)
    theirs = kernel_function(name=name, description=description)
    assert marks(ours(copied(plain))) == marks(theirs(copied(plain)))


class Cooking(Expert):
    @tool
    def scale(self, grams: Annotated[float, "in grams"], servings: int = 2) -> float:
        """Scale an amount."""
        return grams * servings

    @tool(name="total", description="Add up.")
    async def add(self, values: list[float]) -> float:
        return sum(values)

    @tool
    async def words(self, text: str) -> AsyncIterator[str]:
        """Give the words as they come."""
        for word in text.split():
            yield word

    @kernel_function(description="Cool it.")
    def cool(self, degrees: float) -> float:
        return degrees - 1

    @staticmethod
    @tool
    def still(text: str) -> str:
        """Say it again."""
        return text

    def unmarked(self) -> None:
        """Nobody's business."""


def test_a_kernel_function_is_a_tool_too() -> None:
    cool = Cooking(CARD).tools["cool"]
    assert (cool.description, cool.call(**cool.bound({"degrees": "20"}))) == ("Cool it.", 19)


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("scale", {"grams": 100, "servings": 3}, 300),
        ("scale", {"grams": "100"}, 200),
        ("total", {"values": ["1", 2]}, 3),
        ("words", {"text": "one two"}, ["one", "two"]),
        ("cool", {"degrees": 20}, 19),
        ("still", {"text": "again"}, "again"),
    ],
)
async def test_semantic_kernel_calls_the_tools_of_an_expert(
    name: str, arguments: dict[str, Any], expected: object
) -> None:
    kernel = Kernel()
    function = kernel.add_plugin(Cooking(CARD), plugin_name="cooking")[name]
    result = await kernel.invoke(function, KernelArguments(**arguments))
    assert result is not None
    assert result.value == expected


def test_semantic_kernel_sees_the_marked_methods_and_no_others() -> None:
    plugin = Kernel().add_plugin(Cooking(CARD), plugin_name="cooking")
    assert sorted(plugin.functions) == sorted(Cooking(CARD).tools)


def test_semantic_kernel_gets_the_descriptions() -> None:
    plugin = Kernel().add_plugin(Cooking(CARD), plugin_name="cooking")
    grams, servings = plugin["scale"].metadata.parameters
    assert (grams.description, grams.type_, servings.default_value) == ("in grams", "float", 2)
    assert plugin["total"].description == "Add up."
