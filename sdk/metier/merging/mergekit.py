"""mergekit's recipes, as far as they merge tensor by tensor with one of our methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from metier.errors import InvalidRecipe
from metier.merging import recipe_files
from metier.merging.gradients import first_error
from metier.merging.method import Method
from metier.merging.methods import METHODS

_HINT = "See docs/merging.md for what is supported in mergekit's recipes"
# They affect only how mergekit rounds, and nearly every recipe has one of them.
_DTYPES, _MASK = ("dtype", "out_dtype"), "int8_mask"
_REFUSED = {
    "tokenizer_source": "the result takes the vocabulary of the model that has all tokens",
    "tokenizer": "the result takes the vocabulary of the model that has all tokens",
    "chat_template": "the result takes the template of the first model from Ollama",
}

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


def recipe_fields(text: str, *, where: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Translate mergekit's YAML.

    Args:
        where: the file, for errors.

    Returns:
        The fields of a recipe, not yet checked, and notices for the user.

    Raises:
        InvalidRecipe: it is not a mergekit recipe, or asks for something unsupported.
        MergeUnavailable: PyYAML is not installed.
    """
    loaded = _loaded(text, where)
    file = _validated({key: loaded[key] for key in loaded if key not in _DTYPES}, where)
    if (method := METHODS.get(file.merge_method)) is None:
        raise InvalidRecipe(
            f"{where}: the method {file.merge_method!r} is not supported",
            hint=f"Supported: {', '.join(METHODS)}",
        )
    whole = _whole_models(file, where)
    models = [
        {"model": each.model, **_settings(method, each.parameters, f"{where}: {each.model}")}
        for each in whole.sources
    ]
    passed_over = [key for key in _DTYPES if key in loaded]
    passed_over += [_MASK] if whole.parameters.pop(_MASK, None) is not None else []
    base = whole.base_model
    if method.name == "slerp":
        models, base = _from_base(models, base, where), None
    elif method.base == "none" and base in [each["model"] for each in models]:
        passed_over, base = [*passed_over, "base_model"], None
    fields: dict[str, Any] = {"method": method.name, "models": models, "base": base}
    if (reach := whole.sources[0].layer_range) is not None:
        fields["layers"] = reach[1]
    fields |= _settings(method, whole.parameters, where)
    return fields, tuple(f"{where}: {key} has no effect here" for key in passed_over)


def _loaded(text: str, where: str) -> Mapping[str, Any]:
    found = recipe_files.yaml(text, where=where)
    if not isinstance(found, dict):
        raise InvalidRecipe(f"{where} is not a mergekit recipe", hint=_HINT)
    for key, reason in _REFUSED.items():
        if key in found:
            raise InvalidRecipe(f"{where}: {key} has no effect here: {reason}", hint="Remove it")
    return found


def _validated(fields: Mapping[str, Any], where: str) -> _File:
    try:
        return _File.model_validate(fields)
    except ValidationError as exc:
        raise InvalidRecipe(first_error(exc, where=where), hint=_HINT) from exc


def _whole_models(file: _File, where: str) -> _Slice:
    """The models, their common parameters and the base; `slices` may hold one of whole models."""
    if (file.models is None) == (file.slices is None):
        raise InvalidRecipe(f"{where}: give either models or slices", hint=_HINT)
    slices = file.slices or [_Slice(sources=file.models or [])]
    if len(slices) != 1 or not slices[0].sources:
        raise InvalidRecipe(f"{where}: layers of several slices cannot be stacked", hint=_HINT)
    (only,) = slices
    ranges = {each.layer_range for each in only.sources}
    if len(ranges) != 1 or any(each is not None and each[0] != 0 for each in ranges):
        raise InvalidRecipe(f"{where}: the slice must hold whole models", hint=_HINT)
    parameters = file.parameters | only.parameters
    return _Slice(
        sources=only.sources, base_model=only.base_model or file.base_model, parameters=parameters
    )


def _settings(method: Method, given: Parameters, where: str) -> dict[str, Any]:
    """Convert parameters to the form that our recipes use."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        try:
            found[method.parameter(name).name] = _setting(name, value)
        except ValueError as exc:
            raise InvalidRecipe(f"{where}: {exc}", hint=_HINT) from exc
    return found


def _setting(name: str, value: object) -> object:
    if name == "rescale" and isinstance(value, bool):
        return "l1" if value else "none"
    return [value] if isinstance(value, dict) else value


def _from_base(models: list[dict[str, Any]], base: str | None, where: str) -> list[dict[str, Any]]:
    """Put the base first: in mergekit's slerp it is at t = 0, wherever the list has it."""
    ordered = sorted(models, key=lambda each: each["model"] != base)
    if not ordered or ordered[0]["model"] != base:
        raise InvalidRecipe(f"{where}: base_model must be one of the two models of slerp")
    return ordered
