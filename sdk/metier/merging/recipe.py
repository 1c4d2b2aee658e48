"""Recipes: what to merge and how, from command options, a TOML file or mergekit's YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from metier.errors import InvalidRecipe
from metier.merging import recipe_files
from metier.merging.gradients import (
    Choice,
    Setting,
    choices,
    chosen,
    first_error,
    value_at,
)
from metier.merging.mergekit import recipe_fields
from metier.merging.method import Method, Parameter, TensorSettings
from metier.merging.methods import METHODS
from metier.merging.parameters import DENSITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a recipe comes from.

    Attributes:
        file: empty if it was not read from a file.
        filters: whose tensor names its filters use.
        notices: what the user should know about how it was read.
    """

    file: str = ""
    filters: Literal["gguf", "transformers"] = "gguf"
    notices: tuple[str, ...] = ()


# Settings of one parameter by their place in the recipe, in lookup order.
Chain = dict[str, Setting]


class _Part(BaseModel):
    """A table with fields of its own and parameters of the method."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="allow")

    @property
    def parameters(self) -> dict[str, Any]:
        """The values by parameter name."""
        return self.__pydantic_extra__ or {}


class Source(_Part):
    """A model to merge, with parameters of its own.

    Attributes:
        model: a name in Ollama, a GGUF file, or a folder with safetensors; `MODEL+ADAPTER` adds a
            LoRA adapter, and an adapter alone is added to the base.
    """

    model: Annotated[str, Field(min_length=1)]


class Recipe(_Part):
    """Which models to merge, and how.

    Parameters of the method are fields too: `Recipe(method="slerp", models=…, t=0.3)`.

    Attributes:
        base: the model that the others were fine-tuned from, for methods that need it.
        layers: the number of layers that the models must have; None allows any.
    """

    method: str
    models: Annotated[tuple[Source, ...], Field(min_length=1)]
    base: str | None = None
    layers: int | None = None
    _origin: Origin = PrivateAttr(Origin())

    @field_validator("method")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in METHODS:
            raise ValueError(f"unknown method {name!r}; known: {', '.join(METHODS)}")
        return name

    @model_validator(mode="after")
    def _fits_the_method(self) -> Self:
        if problem := self._wrong_models():
            raise ValueError(problem)
        for name, value in self.parameters.items():
            self.parameters[name] = self._method.parameter(name).checked(value)
        for source in self.models:
            self._check_own(source)
        return self

    def _wrong_models(self) -> str:
        method, count = self._method, len(self.learnt)
        refused = "required" if self.base is None else "none"
        if method.base != refused and method.least <= count <= (method.most or count):
            return ""
        base = "no base" if self.base is None else "a base"
        return f"{method.name} merges {method.needs}; the recipe has {count} and {base}"

    def _check_own(self, source: Source) -> None:
        if source.parameters and source.model == self.base:
            name = next(iter(source.parameters))
            raise ValueError(f"{source.model}: {name} has no effect on the base")
        for name, value in source.parameters.items():
            parameter = self._method.parameter(name)
            if not parameter.per_model:
                raise ValueError(f"{source.model}: {name} can only be set for all models")
            source.parameters[name] = parameter.checked(value)

    def with_origin(self, origin: Origin) -> Self:
        """Return a copy with this origin."""
        copy = self.model_copy()
        copy._origin = origin  # noqa: SLF001  # its own
        return copy

    @property
    def origin(self) -> Origin:
        """Where it comes from."""
        return self._origin

    @property
    def place(self) -> str:
        """Prefix of error messages: the recipe's file, if it comes from one."""
        return f"{self._origin.file}: " if self._origin.file else ""

    @property
    def _method(self) -> Method:
        return METHODS[self.method]

    @property
    def learnt(self) -> tuple[Source, ...]:
        """The models without the base, which mergekit's recipes list among them."""
        return tuple(each for each in self.models if each.model != self.base)

    @property
    def keeps_all(self) -> bool:
        """Whether the method could drop differences but no density makes it do so."""
        name = DENSITY.name
        densities = [self.parameters.get(name, 1.0)]
        densities += [each.parameters.get(name, 1.0) for each in self.learnt]
        return name in self._method.names and all(each == 1 for each in densities)

    @property
    def parents(self) -> tuple[str, ...]:
        """The distinct names of all models, the base last."""
        base = () if self.base is None else (self.base,)
        return tuple(dict.fromkeys([*(each.model for each in self.learnt), *base]))

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return a copy with the models renamed."""
        models = [
            each.model_copy(update={"model": names.get(each.model, each.model)})
            for each in self.models
        ]
        base = None if self.base is None else names.get(self.base, self.base)
        return self.model_copy(update={"models": tuple(models), "base": base})

    def at(self, tensor: str, depth: float) -> TensorSettings:
        """Return the values of all parameters for one tensor.

        Args:
            tensor: its name as the filters spell it.
            depth: the position of its layer, from 0 (first) to 1 (last).

        Raises:
            InvalidRecipe: the method cannot work with these values.
        """
        settings = TensorSettings(
            {each.name: self._value(each, tensor, depth) for each in self._method.parameters}
        )
        if problem := self._method.problem(settings):
            raise InvalidRecipe(f"{self.place}{tensor}: {problem}")
        return settings

    def _value(self, parameter: Parameter[Any], tensor: str, depth: float) -> object:
        match parameter.kind:
            case "per model":
                chains = (self._chain(parameter, source) for source in self.learnt)
                return tuple(self._number(parameter, chain, tensor, depth) for chain in chains)
            case "number":
                return self._number(parameter, self._chain(parameter), tensor, depth)
            case _:
                return self.parameters.get(parameter.name, parameter.default)

    def _chain(self, parameter: Parameter[Any], source: Source | None = None) -> Chain:
        """The settings in which a value is looked up: the model's own, then the common one."""
        name = parameter.name
        own = {} if source is None else {f"{source.model}: {name}": source.parameters.get(name)}
        every = own | {name: self.parameters.get(name)}
        return {place: setting for place, setting in every.items() if setting is not None}

    def _number(self, parameter: Parameter[Any], chain: Chain, tensor: str, depth: float) -> float:
        for setting in chain.values():
            if (value := value_at(setting, tensor, depth)) is not None:
                return value
        return 1 / len(self.learnt) if parameter.default is None else float(parameter.default)

    def without_effect(self, tensors: Sequence[str]) -> Iterator[str]:
        """Describe the settings and filters that apply to none of the tensors."""
        for parameter in self._method.parameters:
            if parameter.varies:
                sources = self.learnt if parameter.per_model else (None,)
                yield from _unused([self._chain(parameter, each) for each in sources], tensors)


def _unused(chains: Sequence[Chain], tensors: Sequence[str]) -> Iterator[str]:
    used = {each for chain in chains for tensor in tensors for each in _found(chain, tensor)}
    settings = {place: setting for chain in chains for place, setting in chain.items()}
    for place, setting in settings.items():
        if not choices(setting) and (place, None) not in used:
            yield f"{place} has no effect: every model has its own value"
        for choice in choices(setting):
            if choice.filter not in (None, "*") and (place, choice) not in used:
                yield f"{place}: the filter {choice.filter!r} matches no tensor"


def _found(chain: Chain, tensor: str) -> Iterator[tuple[str, Choice | None]]:
    """The setting that applies to a tensor, by its place, and the choice in it."""
    for place, setting in chain.items():
        if (found := chosen(setting, tensor)) is not None:
            yield place, found if isinstance(found, Choice) else None
            return


def checked(fields: Mapping[str, Any], origin: Origin = Origin()) -> Recipe:
    """Build a recipe from its fields.

    Raises:
        InvalidRecipe: a key is unknown or has no effect, or a value is invalid.
    """
    try:
        return Recipe.model_validate(fields).with_origin(origin)
    except ValidationError as exc:
        raise InvalidRecipe(first_error(exc, where=origin.file)) from exc


def read_recipe(file: Path) -> Recipe:
    """Read a recipe from a file: ours in TOML, mergekit's in YAML.

    Raises:
        InvalidRecipe: the file is missing, or the recipe is invalid.
        MergeUnavailable: the file is YAML, and the extra `merge` is not installed.
    """
    text = recipe_files.text_of(file)
    if file.suffix.lower() in (".yaml", ".yml"):
        fields, notices = recipe_fields(text, where=str(file))
        return checked(fields, Origin(file=str(file), filters="transformers", notices=notices))
    return checked(recipe_files.toml(text, where=str(file)), Origin(file=str(file)))
