"""JSON schemas of other systems' functions as models that check arguments."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import NoneType
from typing import Annotated, Any, Literal, Union

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    create_model,
)

from metier.errors import InvalidInput

Schema = Mapping[str, Any]

# Of a schema with its references filled in. A few definitions that refer to each other are longer
# than any memory then. A value counts as 50 characters: it costs more time than its text.
MOST_CHARACTERS = 200_000
MOST_LEVELS = 50
_VALUE_CHARACTERS = 50

_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list[Any],
    "object": dict[str, Any],
    "null": NoneType,
}


# JSON Schema has `true` for whatever there is.
_Subschema = Annotated[dict[str, Any], BeforeValidator(lambda v: {} if isinstance(v, bool) else v)]
_Subschemas = Annotated[dict[str, _Subschema], BeforeValidator(lambda v: {} if v is None else v)]
_Names = Annotated[list[str], BeforeValidator(lambda v: [] if v is None else v)]


class _Object(BaseModel):
    """The schema of a function's arguments, as far as it is read."""

    properties: _Subschemas = Field(default_factory=dict)
    required: _Names = Field(default_factory=list)
    defs: _Subschemas = Field(default_factory=dict, alias="$defs")
    definitions: _Subschemas = Field(default_factory=dict)


def arguments_model(
    annotations: Mapping[str, Any], *, required: Collection[str]
) -> type[BaseModel]:
    """A model with a field for each argument, which goes by an alias: a name may be any string.

    Args:
        annotations: the type of each argument.
        required: those that must be there; the others are None if they are not.
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
    """The model of an object's JSON schema, and which arguments it requires.

    Raises:
        InvalidInput: it is not such a schema, or too large or too deep.
    """
    try:
        given = _Object.model_validate(schema)
    except ValidationError as exc:
        error = exc.errors()[0]
        place = ".".join(map(str, error["loc"]))
        raise InvalidInput(f"its schema is not valid: {place}: {error['msg']}") from exc
    properties = inlined(given.properties, {**given.defs, **given.definitions})
    annotations = {argument: annotation_of(each) for argument, each in properties.items()}
    required = frozenset(given.required) & annotations.keys()
    return arguments_model(annotations, required=required), required


def annotation_of(schema: Schema) -> Any:
    """A type that checks the outermost level of a schema; its own system checks the rest."""
    kind, shown = _type_of(schema), dict(schema)
    return Annotated[kind, WithJsonSchema(shown)] if shown else Any


def inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema without references; one that leads back into itself permits anything.

    Raises:
        InvalidInput: it becomes too large or too deep.
    """
    return _Inlining(definitions).of(schema, ())


class _Inlining:
    """Fills in references, and counts what comes of it."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._characters = 0

    def of(self, schema: Any, within: tuple[str, ...], level: int = 0) -> Any:
        """The schema, at some level and within the definitions that led there."""
        if level > MOST_LEVELS:
            raise InvalidInput(f"its schema is too deep: more than {MOST_LEVELS} levels")
        match schema:
            case {"$ref": str(reference)}:
                name = reference.rpartition("/")[2]
                if name in within or name not in self._definitions:
                    return {}
                return self.of(self._definitions[name], (*within, name), level + 1)
            case dict():
                self._count(sum(map(len, schema)))
                return {key: self.of(each, within, level + 1) for key, each in schema.items()}
            case list():
                self._count(0)
                return [self.of(each, within, level + 1) for each in schema]
            case _:
                self._count(len(schema) if isinstance(schema, str) else 0)
                return schema

    def _count(self, characters: int) -> None:
        self._characters += characters + _VALUE_CHARACTERS
        if self._characters > MOST_CHARACTERS:
            raise InvalidInput(
                f"its schema is too large: more than {MOST_CHARACTERS} characters, with the "
                "definitions in the place of references"
            )


def _type_of(schema: Schema) -> Any:
    match schema:
        case {"enum": [*values]} if values and all(map(_is_scalar, values)):
            literal: Any = Literal
            return literal[tuple(values)]
        case {"type": str(name)}:
            return _TYPES.get(name, Any)
        case {"type": [*names]} if names:
            return _one_of([_type_of({"type": name}) for name in names])
        case {"anyOf": [*choices]} | {"oneOf": [*choices]} if choices:
            return _one_of([_type_of(choice) for choice in choices])
        case _:
            return Any


def _one_of(kinds: Sequence[Any]) -> Any:
    union: Any = Union
    return union[tuple(kinds)]


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int)
