"""`@tool`: a method of an expert that others can call, and Semantic Kernel too."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ForwardRef, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from metier.errors import InvalidOutput
from metier.experts.threads import in_thread
from metier.telemetry.tracing import work

F = TypeVar("F", bound=Callable[..., Any])


def tool(
    method: F | None = None, *, name: str | None = None, description: str | None = None
) -> Any:  # noqa: ANN401  # the method itself, or a decorator that returns it
    """Mark a method as a tool of its expert.

    The method gets the attributes that `semantic_kernel.functions.kernel_function` gives, so
    that `kernel.add_plugin(expert, plugin_name=…)` takes the expert as it is. Its docstring
    describes it; `Annotated[float, "in grams"]` describes a parameter.

    Args:
        method: the method, where used without parentheses.
        name: how it is called from outside; its own name if not given.
        description: what it does; its docstring if not given.
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
        marked = getattr(function, "__func__", function)  # the function of a static method
        for attribute, value in attributes.items():
            setattr(marked, attribute, value)
        return function

    return mark(method) if method is not None else mark


@dataclass(frozen=True)
class Tool:
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
        for number, parameter in enumerate(_signature(self.call)):
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            annotation, default = parameter.annotation, parameter.default
            # A string is a type that only a type checker can see.
            untyped = annotation is parameter.empty or isinstance(annotation, str)
            # An alias: a parameter may have a name that pydantic keeps for itself.
            fields[f"field_{number}"] = (
                Any if untyped else annotation,
                Field(... if default is parameter.empty else default, alias=parameter.name),
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
            raise InvalidOutput(f"tool {self.name!r}, argument {where!r}: {error['msg']}") from exc
        fields = type(filled).model_fields
        return {str(field.alias): getattr(filled, name) for name, field in fields.items()}

    @property
    def parameters(self) -> list[str]:
        """The names of its parameters."""
        return [str(field.alias) for field in self.arguments.model_fields.values()]

    async def run(self, **arguments: Any) -> Any:  # noqa: ANN401  # as the method declares them
        """Call it; a plain `def` runs in a thread."""
        with work("execute_tool", self.name):
            if inspect.iscoroutinefunction(self.call):
                return await self.call(**arguments)
            return await in_thread(self.call, **arguments)


def tools_of(owner: object) -> dict[str, Tool]:
    """The marked methods of an object, also those marked with `@kernel_function`, by name."""
    found: dict[str, Tool] = {}
    for attribute in dir(type(owner)):
        # Statically: looking must not run the owner's properties.
        marked = inspect.getattr_static(type(owner), attribute)
        if getattr(getattr(marked, "__func__", marked), "__kernel_function__", False):
            method = getattr(owner, attribute)
            name = method.__kernel_function_name__
            description = method.__kernel_function_description__ or ""
            found[name] = Tool(name=name, description=description, call=method)
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
    annotation, default = parameter.annotation, parameter.default
    given = None if default is inspect.Parameter.empty else default
    return _described(parameter.name, annotation, given) | {"type_object": _underlying(annotation)}


def _returned(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        annotation = inspect.signature(function, eval_str=True).return_annotation
    except NameError:
        annotation = inspect.Signature.empty
    nothing = {"type_": "None", "is_required": False}
    described = _described("return", annotation, None) if annotation else nothing
    return {
        "__kernel_function_return_type__": described["type_"],
        "__kernel_function_return_type_object__": described.get("type_object"),
        "__kernel_function_return_description__": described.get("description", ""),
        "__kernel_function_return_required__": described["is_required"],
    }


def _described(name: str, annotation: Any, default: object) -> dict[str, Any]:  # noqa: ANN401
    """A parameter, or the result, in the words of semantic_kernel 1.45.

    What is odd here is so there: a default of None counts as none, unless the type says that
    None may be given, and a type with one argument goes by the name of the argument.
    """
    required = default is None
    described = {"name": name, "is_required": required}
    described |= {} if required else {"default_value": default}
    if not annotation or annotation is inspect.Parameter.empty:
        return described | {"type_": "Any"}
    if isinstance(annotation, str):
        return described | {"type_": annotation.replace(" |", ",")}
    described |= _metadata(annotation)
    if (origin := getattr(annotation, "__origin__", None)) is not None:
        described |= _described(name, origin, default)
    if members := getattr(annotation, "__args__", ()):
        described |= _members(name, described, members, default)
    elif isinstance(annotation, type):
        described |= {"type_": annotation.__name__, "type_object": annotation}
    else:
        described |= {"type_": str(annotation).replace(" |", ",")}
    if not described.get("include_in_function_choices", True):
        described["is_required"] = False
    return described


def _metadata(annotation: Any) -> dict[str, Any]:  # noqa: ANN401
    """What stands in an `Annotated`: a description, or a dict of what is known of a parameter."""
    found: dict[str, Any] = {}
    for item in getattr(annotation, "__metadata__", ()):
        if isinstance(item, str):
            found["description"] = item
        elif isinstance(item, dict):
            found |= item
    return found


def _members(
    name: str, described: dict[str, Any], members: tuple[Any, ...], default: object
) -> dict[str, Any]:
    """What the arguments of a type add: those of a union, or of `list[…]`."""
    added: dict[str, Any] = {}
    if types.NoneType in members:
        added = {"is_required": False, "default_value": default}
    kept = [_described(name, _named(m), default) for m in members if m is not types.NoneType]
    joined = ", ".join(each["type_"] for each in kept)
    if (kind := described.get("type_")) in ("list", "dict"):
        return added | {"type_": f"{kind}[{joined}]"}
    if len(kept) != 1:
        return added | {"type_": joined}
    return added | {"type_": joined, "type_object": kept[0].get("type_object")}


def _named(member: Any) -> Any:  # noqa: ANN401
    return member.__forward_arg__ if isinstance(member, ForwardRef) else member


def _underlying(annotation: Any) -> Any:  # noqa: ANN401
    """The type that a parameter's value is turned into: that inside of Annotated or Optional."""
    inner = annotation
    if get_origin(inner) is Annotated:
        inner = inner.__origin__
    if get_origin(inner) in (Union, types.UnionType):
        members = [member for member in get_args(inner) if member is not types.NoneType]
        return members[0] if len(members) == 1 else None
    return inner
