"""Recipes of mergekit, as far as they merge tensor by tensor with one of our methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from metier.errors import InvalidRecipe, MergeUnavailable
from metier.merging.gradients import first_error
from metier.merging.methods import METHODS

_HINT = "See docs/merging.md for what is taken of mergekit's recipes"
# They say how mergekit computes or writes, which is not ours to follow.
_PASSED_OVER = {"dtype", "out_dtype", "tokenizer_source", "tokenizer", "chat_template"}
_OF_MODELS = ("weight", "density")
_OF_ALL = ("lambda", "normalize", "t", *_OF_MODELS)

Parameters = dict[str, Any]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class _Input(_Strict):
    model: str
    parameters: Parameters = Field(default_factory=dict)
    layer_range: tuple[int, int] | None = None


class _Slice(_Strict):
    sources: list[_Input]
    base_model: str | None = None
    parameters: Parameters = Field(default_factory=dict)


class _File(_Strict):
    merge_method: str
    models: list[_Input] | None = None
    slices: list[_Slice] | None = None
    base_model: str | None = None
    parameters: Parameters = Field(default_factory=dict)


def recipe_fields(text: str, *, where: str) -> dict[str, Any]:
    """Translate mergekit's YAML into the fields of a recipe, which are still to be checked.

    Args:
        where: the file, for errors.

    Raises:
        InvalidRecipe: it is not such a recipe, or asks for something that is not offered.
        MergeUnavailable: PyYAML is not installed.
    """
    file = _validated(_loaded(text, where), where)
    whole = _whole_models(file, where)
    if file.merge_method not in METHODS:
        raise InvalidRecipe(
            f"{where}: the method {file.merge_method!r} is not offered",
            hint=f"There are {', '.join(METHODS)}",
        )
    models = [_source(each, where) for each in whole.sources]
    base = whole.base_model
    if file.merge_method == "slerp":
        models, base = _from_base(models, base, where), None
    if file.merge_method == "linear" and base in [each["model"] for each in models]:
        base = None
    fields: dict[str, Any] = {"method": file.merge_method, "models": models, "base": base}
    if (reach := whole.sources[0].layer_range) is not None:
        fields["layers"] = reach[1]
    for name, value in whole.parameters.items():
        fields |= _setting(name, value, where)
    return fields


def _loaded(text: str, where: str) -> Mapping[str, Any]:
    try:
        import yaml
    except ImportError as exc:
        raise MergeUnavailable(
            f"recipes in YAML need the package PyYAML, which cannot be imported ({exc})",
            hint="Install it: pip install 'metier[merge]'",
        ) from exc
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise InvalidRecipe(f"{where}: {exc}") from exc
    if not isinstance(found, dict):
        raise InvalidRecipe(f"{where} is no recipe of mergekit", hint=_HINT)
    return {key: value for key, value in found.items() if key not in _PASSED_OVER}


def _validated(fields: Mapping[str, Any], where: str) -> _File:
    try:
        return _File.model_validate(fields)
    except ValidationError as exc:
        raise InvalidRecipe(first_error(exc, where=where), hint=_HINT) from exc


def _whole_models(file: _File, where: str) -> _Slice:
    """The models, what is set for all, and the base; of `slices`, a single one of whole models."""
    if (file.models is None) == (file.slices is None):
        raise InvalidRecipe(f"{where}: either models or slices", hint=_HINT)
    slices = file.slices or [_Slice(sources=file.models or [])]
    if len(slices) != 1 or not slices[0].sources:
        raise InvalidRecipe(f"{where}: layers of several slices are not stacked", hint=_HINT)
    (only,) = slices
    ranges = {each.layer_range for each in only.sources}
    if len(ranges) != 1 or any(each is not None and each[0] != 0 for each in ranges):
        raise InvalidRecipe(f"{where}: the slice must hold whole models", hint=_HINT)
    parameters = file.parameters | only.parameters
    return _Slice(
        sources=only.sources, base_model=only.base_model or file.base_model, parameters=parameters
    )


def _source(given: _Input, where: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"model": given.model}
    for name, value in given.parameters.items():
        if name not in _OF_MODELS:
            raise InvalidRecipe(f"{where}: {given.model}: the parameter {name!r} is not offered")
        fields |= _setting(name, value, where)
    return fields


def _setting(name: str, value: object, where: str) -> dict[str, Any]:
    if name == "int8_mask":  # how mergekit saves memory
        return {}
    if name == "rescale":
        return {"rescale": "l1" if value else "none"}
    if name not in _OF_ALL:
        raise InvalidRecipe(f"{where}: the parameter {name!r} is not offered", hint=_HINT)
    return {name: [value] if isinstance(value, dict) else value}


def _from_base(models: list[dict[str, Any]], base: str | None, where: str) -> list[dict[str, Any]]:
    """Of mergekit's slerp the base is where t is 0, wherever it stands in the list."""
    ordered = sorted(models, key=lambda each: each["model"] != base)
    if not ordered or ordered[0]["model"] != base:
        raise InvalidRecipe(f"{where}: base_model must be one of the two models of slerp")
    return ordered
