"""Merge methods: a function, and a declaration from which checks, help and docs are made."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, Generic, Literal, Self, TypeVar, cast

import numpy as np
from pydantic import Field, StrictBool, TypeAdapter, ValidationError

from metier.merging.cores import Total
from metier.merging.encoding import Floats
from metier.merging.gradients import Setting, first_error, numbers_in
from metier.merging.weights import Span, Weights

T = TypeVar("T")

Combine = Callable[[Span], Floats]
Base = Literal["none", "optional", "required"]
ParameterKind = Literal["per model", "number", "flag", "choice", "whole"]

_TYPES: dict[ParameterKind, Any] = {
    "per model": Setting,
    "number": Setting,
    "flag": StrictBool,
    "choice": str,
    "whole": Annotated[int, Field(ge=0)],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Generic[T]):
    """A setting of a method; `T` is the type of its value for one tensor.

    Attributes:
        name: its name in recipes, and that of its option on the command line.
        kind: `per model` is one number for each model, `number` one for all of them. Both may
            differ from tensor to tensor; the other kinds apply to the whole merge.
        help: one sentence.
        default: used if the recipe sets nothing; None is an even share, 1 / the number of models.
        least, most: the limits of numbers.
        choices: the values of a `choice`.
    """

    name: str
    kind: ParameterKind
    help: str
    default: float | bool | str | None
    least: float = -math.inf
    most: float = math.inf
    choices: tuple[str, ...] = ()

    @property
    def per_model(self) -> bool:
        """Whether models can have values of their own."""
        return self.kind == "per model"

    @property
    def varies(self) -> bool:
        """Whether it may differ from tensor to tensor."""
        return self.kind in ("per model", "number")

    def defaulting_to(self, default: bool | str) -> Self:
        """Return a copy with another default, for one method."""
        return replace(self, default=default)

    def checked(self, value: object) -> object:
        """Validate a value and return it in the parameter's type.

        Raises:
            ValueError: it is invalid; the message names the parameter.
        """
        try:
            found: Any = _adapter(self.kind).validate_python(value)
        except ValidationError as exc:
            raise ValueError(first_error(exc, where=self.name)) from exc
        if problem := self._problem(found):
            raise ValueError(f"{self.name} must be {problem}")
        return found

    def _problem(self, value: Any) -> str:  # noqa: ANN401  # of the kind's type
        if self.varies:
            for number in numbers_in(value):
                if not self.least <= number <= self.most:
                    return f"between {self.least:g} and {self.most:g}, not {number:g}"
        elif self.choices and value not in self.choices:
            return f"one of {', '.join(self.choices)}, not {value!r}"
        return ""


@cache
def _adapter(kind: ParameterKind) -> TypeAdapter[Any]:
    return TypeAdapter(_TYPES[kind])


@dataclass(frozen=True, slots=True)
class TensorSettings:
    """The values of all parameters for one tensor: `settings[DENSITY]`."""

    by_name: Mapping[str, object]

    def __getitem__(self, parameter: Parameter[T]) -> T:
        return cast("T", self.by_name[parameter.name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """One tensor of all models, and its settings.

    Attributes:
        name: the tensor's name. Random numbers depend on it, the seed and a model's name.
        count: the number of its elements.
        width: the length of a row.
        names: the models' names, without the base.
        models: the tensor in each of them.
        base: the tensor in the base; None if the recipe has no base.
    """

    name: str
    count: int
    width: int
    names: Sequence[str]
    models: Sequence[Weights]
    base: Weights | None
    settings: TensorSettings

    def delta(self, model: int, span: Span) -> Floats:
        """Return a model's difference from the base; without a base, the model itself."""
        own = self.models[model].read(span)
        return own if self.base is None else own - self.base.read(span)

    def deltas(self, span: Span) -> tuple[Floats, Floats]:
        """Return the base, shape (length,), and all deltas, shape (models, length)."""
        base = np.zeros(span.length, np.float32) if self.base is None else self.base.read(span)
        return base, np.stack([model.read(span) - base for model in self.models])


# Reads a tensor as often as needed, and returns a function that computes a span of the result.
Function = Callable[[Inputs, Total], Combine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way to merge.

    Attributes:
        makes: what it does, in one sentence.
        paper: the source, in short; the function's docstring names the section.
        base: whether it works on the models' differences from a base.
        least, most: the limits of the number of models, not counting the base.
        problem: returns what is wrong with the values for one tensor; empty if nothing is.
    """

    name: str
    function: Function
    makes: str
    paper: str
    base: Base
    least: int
    most: int | None
    parameters: tuple[Parameter[Any], ...]
    problem: Callable[[TensorSettings], str]

    @property
    def needs(self) -> str:
        """The models that it merges, in words."""
        more = "" if self.most == self.least else " or more"
        models = f"{self.least}{more} model{'' if self.least == 1 and not more else 's'}"
        base = {"none": "without a base", "optional": "with or without a base"}
        return f"{models} {base.get(self.base, 'and their base')}"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return tuple(each.name for each in self.parameters)

    def parameter(self, name: str) -> Parameter[Any]:
        """Return the parameter with this name.

        Raises:
            ValueError: there is none.
        """
        for each in self.parameters:
            if each.name == name:
                return each
        takes = ", ".join(self.names) or "no parameters"
        raise ValueError(f"{name} has no effect on {self.name}, which takes {takes}")


METHODS: dict[str, Method] = {}


def method(
    *,
    paper: str,
    base: Base = "none",
    least: int = 1,
    most: int | None = None,
    parameters: Sequence[Parameter[Any]] = (),
    problem: Callable[[TensorSettings], str] = lambda _: "",
) -> Callable[[Function], Function]:
    """Declare a function as the merge method of its name; its docstring's first line is `makes`.

    To add a method, add its function to a module that `methods.py` imports.
    """

    def declared(function: Function) -> Function:
        METHODS[function.__name__] = Method(
            name=function.__name__,
            function=function,
            makes=(inspect.getdoc(function) or "").partition("\n")[0],
            paper=paper,
            base=base,
            least=least,
            most=most,
            parameters=tuple(parameters),
            problem=problem,
        )
        return function

    return declared
