"""What is merged, and how: the options of a command, a TOML file, or a recipe of mergekit."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self, assert_never

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from metier.errors import InvalidRecipe
from metier.merging.gradients import Setting, first_error, numbers_in, value_at
from metier.merging.mergekit import recipe_fields
from metier.merging.methods import MethodName, Rescale

# What mergekit 0.1.5 does where a recipe does not say.
_NORMALIZES: dict[MethodName, bool] = {
    "linear": True,
    "slerp": False,
    "task_arithmetic": False,
    "ties": True,
    "dare_linear": False,
    "dare_ties": False,
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid", populate_by_name=True)


class Source(_Part):
    """A model to merge, and what is set for it alone.

    Attributes:
        model: a name in Ollama, a GGUF file, or a folder with safetensors.
    """

    model: Annotated[str, Field(min_length=1)]
    weight: Setting | None = None
    density: Setting | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSettings:
    """What holds for one tensor; weights and densities are one for each model."""

    weights: tuple[float, ...]
    densities: tuple[float, ...]
    t: float
    scale: float


class Recipe(_Part):
    """What is merged, and how.

    Attributes:
        base: the model that the others were made from; all methods but `linear` and `slerp` need
            it.
        weight, density: for the models that set none of their own; an even share where nothing is.
        t: for `slerp`: 0 is the first model, 1 the second.
        scale: `lambda` in a file: how much of what was learnt is added to the base.
        normalize: divide by the sum of the weights; by default as mergekit does for the method.
        rescale: how `dare_*` scales up what it keeps: so that the magnitudes of a tensor have the
            sum they had (`l1`, as mergekit does), by 1 / density (as the paper does), or not.
        seed: of what `dare_*` draws.
        layers: how many layers the models must have; any number where it is None.
    """

    method: MethodName
    models: Annotated[tuple[Source, ...], Field(min_length=1)]
    base: str | None = None
    weight: Setting | None = None
    density: Setting = 1.0
    t: Setting = 0.5
    scale: Setting = Field(1.0, alias="lambda")
    normalize: bool | None = None
    rescale: Rescale = "l1"
    seed: Annotated[int, Field(ge=0)] = 0
    layers: int | None = None

    @model_validator(mode="after")
    def _fits_the_method(self) -> Self:
        if problem := self._wrong_models() or self._wrong_range():
            raise ValueError(problem)
        return self

    def _wrong_models(self) -> str:
        match self.method:
            case "slerp":
                if len(self.models) != 2 or self.base is not None:
                    return "slerp merges exactly two models, and takes no base"
            case "linear":
                if len(self.models) < 2 or self.base is not None:
                    return "linear merges two models or more, and takes no base"
            case "task_arithmetic" | "ties" | "dare_linear" | "dare_ties":
                if self.base is None:
                    return f"{self.method} needs the base that the models were made from"
                if not self.learnt:
                    return "there is no model beside the base"
            case _:
                assert_never(self.method)
        return ""

    def _wrong_range(self) -> str:
        shares = {"t": [self.t], "density": [self.density, *(m.density for m in self.models)]}
        for name, settings in shares.items():
            numbers = (number for setting in settings for number in numbers_in(setting))
            if wrong := [number for number in numbers if not 0 <= number <= 1]:
                return f"{name} is between 0 and 1, and not {wrong[0]:g}"
        return ""

    @property
    def learnt(self) -> tuple[Source, ...]:
        """The models without the base, which mergekit's recipes list among them."""
        return tuple(each for each in self.models if each.model != self.base)

    @property
    def parents(self) -> tuple[str, ...]:
        """The names of all models that are read, each once; the base comes last."""
        base = () if self.base is None else (self.base,)
        return tuple(dict.fromkeys([*(each.model for each in self.learnt), *base]))

    @property
    def normalizes(self) -> bool:
        """Whether the sum is divided by the weights."""
        return _NORMALIZES[self.method] if self.normalize is None else self.normalize

    def renamed(self, names: Mapping[str, str]) -> Self:
        """The same for models that are called otherwise."""
        models = [
            each.model_copy(update={"model": names.get(each.model, each.model)})
            for each in self.models
        ]
        base = None if self.base is None else names.get(self.base, self.base)
        return self.model_copy(update={"models": tuple(models), "base": base})

    def at(self, names: Sequence[str], depth: float) -> TensorSettings:
        """What holds for one tensor.

        Args:
            names: what it is called, in GGUF and by transformers.
            depth: of its layer, 0 for the first and 1 for the last.

        Raises:
            InvalidRecipe: the weights are divided by their sum, and it is 0.
        """

        def value(default: float, *settings: Setting | None) -> float:
            found = (value_at(setting, names, depth) for setting in settings)
            return next((each for each in found if each is not None), default)

        even = 1 / len(self.learnt)
        weights = tuple(value(even, each.weight, self.weight) for each in self.learnt)
        if self.method == "linear" and self.normalizes and abs(sum(weights)) < 1e-8:
            raise InvalidRecipe(
                f"the weights for {names[0]} sum to 0, and linear divides by their sum",
                hint="Set other weights, or normalize = false",
            )
        return TensorSettings(
            weights=weights,
            densities=tuple(value(1.0, each.density, self.density) for each in self.learnt),
            t=value(0.5, self.t),
            scale=value(1.0, self.scale),
        )


def checked(fields: Mapping[str, Any], *, where: str = "") -> Recipe:
    """A recipe of what was read or given.

    Raises:
        InvalidRecipe: a key is unknown or a value impossible; which one and where.
    """
    try:
        return Recipe.model_validate(fields)
    except ValidationError as exc:
        raise InvalidRecipe(first_error(exc, where=where)) from exc


def read_recipe(file: Path) -> Recipe:
    """The recipe in a file: ours in TOML, mergekit's in YAML.

    Raises:
        InvalidRecipe: it is not there, or cannot be followed.
        MergeUnavailable: YAML, and the extra `merge` is not installed.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise InvalidRecipe(f"{file} cannot be read: {reason}") from exc
    if file.suffix.lower() in (".yaml", ".yml"):
        return checked(recipe_fields(text, where=str(file)), where=str(file))
    try:
        return checked(tomllib.loads(text), where=str(file))
    except tomllib.TOMLDecodeError as exc:
        raise InvalidRecipe(f"{file}: {exc}") from exc
