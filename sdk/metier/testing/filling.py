"""What a willing model would say: JSON where a schema asks for it, else two sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from metier.models.server import ChatRequest

WORDS = "These are the words of a model. It says no more than this."
Schema = Mapping[str, Any]


def willing(request: ChatRequest) -> str:
    """A reply that fits a request, for checks of an expert whose questions are not known."""
    schema = request.sampling.schema
    return WORDS if schema is None else json.dumps(_example(schema, schema))


def _example(schema: Schema, root: Schema) -> object:
    """The simplest value that fits a JSON schema as pydantic writes it."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return _example(root["$defs"][name], root)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return _example(schema[key][0], root)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    return _of_type(schema, root)


def _of_type(schema: Schema, root: Schema) -> object:
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {name: _example(properties[name], root) for name in schema.get("required", ())}
        case "array":
            return [_example(schema.get("items", {}), root)] * schema.get("minItems", 1)
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return "words".ljust(schema.get("minLength", 0), ".")
