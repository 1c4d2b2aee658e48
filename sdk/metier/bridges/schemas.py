"""JSON schemas of other systems' functions as models that check arguments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import reduce
from operator import or_
from types import NoneType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model

Schema = Mapping[str, Any]

_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list[Any],
    "object": dict[str, Any],
    "null": NoneType,
}


def arguments_model(
    annotations: Mapping[str, Any], *, required: Collection[str]
) -> type[BaseModel]:
    """A model with a field for each argument, which goes by an alias: a name may be any string.

    Args:
        annotations: the type of each argument.
        required: those that must be there; the others are None where they are not.
    """
    fields: dict[str, Any] = {
        f"field_{number}": (
            annotation if argument in required else annotation | None,
            Field(... if argument in required else None, alias=argument),
        )
        for number, (argument, annotation) in enumerate(annotations.items())
    }
    # Arbitrary: a function may take a type that only its own system knows.
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    return create_model("Arguments", __config__=config, **fields)


def arguments_of(schema: Schema) -> tuple[type[BaseModel], frozenset[str]]:
    """The model of an object's JSON schema, and which arguments it requires."""
    definitions = {**schema.get("$defs", {}), **schema.get("definitions", {})}
    properties = inlined(schema.get("properties") or {}, definitions)
    annotations = {argument: annotation_of(given) for argument, given in properties.items()}
    required = frozenset(schema.get("required") or ()) & annotations.keys()
    return arguments_model(annotations, required=required), required


def annotation_of(schema: Schema) -> Any:
    """A type that checks the outermost level of a schema; its own system checks the rest."""
    kind, shown = _type_of(schema), dict(schema)
    return Annotated[kind, WithJsonSchema(shown)] if shown else Any


def inlined(schema: Any, definitions: Mapping[str, Any], *, within: tuple[str, ...] = ()) -> Any:
    """A schema without references; one that leads back into itself permits anything."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            if name in within or name not in definitions:
                return {}
            return inlined(definitions[name], definitions, within=(*within, name))
        case dict():
            return {key: inlined(each, definitions, within=within) for key, each in schema.items()}
        case list():
            return [inlined(each, definitions, within=within) for each in schema]
        case _:
            return schema


def _type_of(schema: Schema) -> Any:
    match schema:
        case {"enum": [*values]} if values:
            literal: Any = Literal
            return literal[tuple(values)]
        case {"type": str(name)}:
            return _TYPES.get(name, Any)
        case {"type": [*names]} if names:
            return reduce(or_, (_TYPES.get(name, Any) for name in names))
        case {"anyOf": [*choices]} | {"oneOf": [*choices]} if choices:
            return reduce(or_, (_type_of(choice) for choice in choices))
        case _:
            return Any
