"""`@skill`: a method of an expert that others can call, and Semantic Kernel too."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from metier.errors import InvalidOutput

F = TypeVar("F", bound=Callable[..., Any])


def skill(
    method: F | None = None, *, name: str | None = None, description: str | None = None
) -> Any:  # noqa: ANN401  # the method itself, or a decorator that returns it
    """Mark a method as a skill of its expert.

    The method gets the attributes that `semantic_kernel.functions.kernel_function` gives, so
    that `kernel.add_plugin(expert, plugin_name=…)` takes the expert as it is. Its docstring
    describes it; `Annotated[float, "in grams"]` describes a parameter.

    Args:
        method: the method, where used without parentheses.
        name: how it is called from outside; its own name where not given.
        description: what it does; its docstring where not given.
    """

    def mark(function: F) -> F:
        attributes = {
            "__kernel_function__": True,
            "__kernel_function_name__": name or function.__name__,
            "__kernel_function_description__": description or inspect.getdoc(function),
            "__kernel_function_streaming__": _streams(function),
            "__kernel_function_parameters__": [
                _parameter(parameter) for parameter in _signature(function)
            ],
            **_returned(function),
        }
        for attribute, value in attributes.items():
            setattr(function, attribute, value)
        return function

    return mark(method) if method is not None else mark


@dataclass(frozen=True)
class Skill:
    """A marked method, bound to its expert.

    Attributes:
        call: the bound method, `def` or `async def`.
    """

    name: str
    description: str
    call: Callable[..., Any]

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """A model of its parameters: their JSON schema, and the check of what a model filled in."""
        fields: dict[str, Any] = {}
        for parameter in _signature(self.call):
            required = parameter.default is inspect.Parameter.empty
            annotation = parameter.annotation
            fields[parameter.name] = (
                Any if annotation is inspect.Parameter.empty else annotation,
                ... if required else parameter.default,
            )
        return create_model(self.name, __config__=ConfigDict(extra="forbid"), **fields)

    def bound(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments as the method's types.

        Raises:
            InvalidOutput: they do not fit; the message names the argument.
        """
        try:
            filled = self.arguments.model_validate(arguments)
        except ValidationError as exc:
            error = exc.errors()[0]
            where = ".".join(str(part) for part in error["loc"])
            raise InvalidOutput(f"skill {self.name!r}, argument {where!r}: {error['msg']}") from exc
        return {name: getattr(filled, name) for name in type(filled).model_fields}


def skills_of(owner: object) -> dict[str, Skill]:
    """The marked methods of an object, also those marked with `@kernel_function`, by name."""
    found: dict[str, Skill] = {}
    for attribute in dir(type(owner)):
        # Statically: looking must not run the owner's properties.
        marked = inspect.getattr_static(type(owner), attribute)
        if getattr(marked, "__kernel_function__", False):
            method = getattr(owner, attribute)
            name = method.__kernel_function_name__
            description = method.__kernel_function_description__ or ""
            found[name] = Skill(name=name, description=description, call=method)
    return found


def _signature(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        signature = inspect.signature(function, eval_str=True)
    except NameError:  # an annotation that only a type checker can see
        signature = inspect.signature(function)
    return [parameter for parameter in signature.parameters.values() if parameter.name != "self"]


def _streams(function: Callable[..., Any]) -> bool:
    return inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function)


def _parameter(parameter: inspect.Parameter) -> dict[str, Any]:
    required = parameter.default is inspect.Parameter.empty
    described = _described(parameter.annotation)
    default = {} if required else {"default_value": parameter.default}
    return {"name": parameter.name, "is_required": required, **described, **default}


def _returned(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        annotation = inspect.signature(function, eval_str=True).return_annotation
    except NameError:
        annotation = inspect.Signature.empty
    described = _described(annotation)
    return {
        "__kernel_function_return_type__": described["type_"],
        "__kernel_function_return_type_object__": described["type_object"],
        "__kernel_function_return_description__": described.get("description", ""),
        "__kernel_function_return_required__": not _optional(annotation),
    }


def _described(annotation: Any) -> dict[str, Any]:  # noqa: ANN401
    """Type name, type and description, as Semantic Kernel writes them."""
    if annotation in (inspect.Parameter.empty, Any):
        return {"type_": "Any", "type_object": None}
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        texts = [item for item in metadata if isinstance(item, str)]
        return _described(inner) | ({"description": texts[0]} if texts else {})
    if isinstance(annotation, str):
        return {"type_": annotation, "type_object": None}
    members = [arg for arg in get_args(annotation) if arg is not types.NoneType]
    if get_origin(annotation) in (Union, types.UnionType):
        names = ", ".join(_described(member)["type_"] for member in members)
        return {"type_": names, "type_object": members[0] if len(members) == 1 else None}
    if (origin := get_origin(annotation)) is not None and isinstance(origin, type):
        return {"type_": _generic(origin, members), "type_object": origin}
    name = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return {"type_": name, "type_object": annotation if isinstance(annotation, type) else None}


def _generic(origin: type, members: list[Any]) -> str:
    inner = ", ".join(_described(member)["type_"] for member in members)
    return f"{origin.__name__}[{inner}]" if inner else origin.__name__


def _optional(annotation: Any) -> bool:  # noqa: ANN401
    return types.NoneType in typing.get_args(annotation)
