"""What is merged, and how: the options of a command, a TOML file, or a recipe of mergekit."""

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
        filters: whose names of tensors its filters use.
        notices: what the user should know of how it was read.
    """

    file: str = ""
    filters: Literal["gguf", "transformers"] = "gguf"
    notices: tuple[str, ...] = ()


# Settings of one parameter in the order in which they are looked up, by their place in the recipe.
Chain = dict[str, Setting]


class _Part(BaseModel):
    """Fields of its own, and beside them, in the same table, parameters of the method."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="allow")

    @property
    def parameters(self) -> dict[str, Any]:
        """What is set, by the parameter's name."""
        return self.__pydantic_extra__ or {}


class Source(_Part):
    """A model to merge, and the parameters that are set for it alone.

    Attributes:
        model: a name in Ollama, a GGUF file, or a folder with safetensors; `MODEL+ADAPTER` is one
            of these with a LoRA adapter, and an adapter alone is the base with it.
    """

    model: Annotated[str, Field(min_length=1)]


class Recipe(_Part):
    """What is merged, and how.

    Parameters of the method are fields, too: `Recipe(method="slerp", models=…, t=0.3)`.

    Attributes:
        base: the model that the others were made from, for methods that need it.
        layers: how many layers the models must have; any number if it is None.
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
            raise ValueError(f"there is no method {name!r}; there are {', '.join(METHODS)}")
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
                raise ValueError(f"{source.model}: {name} is set for all models, not for one")
            source.parameters[name] = parameter.checked(value)

    def with_origin(self, origin: Origin) -> Self:
        """The same recipe, which knows where it comes from."""
        copy = self.model_copy()
        copy._origin = origin  # noqa: SLF001  # its own
        return copy

    @property
    def origin(self) -> Origin:
        """Where it comes from."""
        return self._origin

    @property
    def place(self) -> str:
        """How an error begins: with the recipe's file, if it comes from one."""
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
        """Whether the method can drop differences, and no density asks for it."""
        name = DENSITY.name
        densities = [self.parameters.get(name, 1.0)]
        densities += [each.parameters.get(name, 1.0) for each in self.learnt]
        return name in self._method.names and all(each == 1 for each in densities)

    @property
    def parents(self) -> tuple[str, ...]:
        """The names of all models that are read, each once; the base comes last."""
        base = () if self.base is None else (self.base,)
        return tuple(dict.fromkeys([*(each.model for each in self.learnt), *base]))

    def renamed(self, names: Mapping[str, str]) -> Self:
        """The same for models that are called otherwise."""
        models = [
            each.model_copy(update={"model": names.get(each.model, each.model)})
            for each in self.models
        ]
        base = None if self.base is None else names.get(self.base, self.base)
        return self.model_copy(update={"models": tuple(models), "base": base})

    def at(self, tensor: str, depth: float) -> TensorSettings:
        """Return the values of all parameters for one tensor.

        Args:
            tensor: its name, as filters call it.
            depth: of its layer, 0 for the first and 1 for the last.

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
        """Where a value is looked up: what is set for the model, then what is set for all."""
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
        """Name the settings, and the filters in them, that hold for none of the tensors."""
        for parameter in self._method.parameters:
            if parameter.varies:
                sources = self.learnt if parameter.per_model else (None,)
                yield from _unused([self._chain(parameter, each) for each in sources], tensors)


def _unused(chains: Sequence[Chain], tensors: Sequence[str]) -> Iterator[str]:
    used = {each for chain in chains for tensor in tensors for each in _found(chain, tensor)}
    settings = {place: setting for chain in chains for place, setting in chain.items()}
    for place, setting in settings.items():
        if not choices(setting) and (place, None) not in used:
            yield f"{place} has no effect: every model has a value of its own"
        for choice in choices(setting):
            if choice.filter not in (None, "*") and (place, choice) not in used:
                yield f"{place}: the filter {choice.filter!r} holds for no tensor"


def _found(chain: Chain, tensor: str) -> Iterator[tuple[str, Choice | None]]:
    """The setting that holds for a tensor, by its place, and the choice in it."""
    for place, setting in chain.items():
        if (found := chosen(setting, tensor)) is not None:
            yield place, found if isinstance(found, Choice) else None
            return


def checked(fields: Mapping[str, Any], origin: Origin = Origin()) -> Recipe:
    """A recipe of what was read or given.

    Raises:
        InvalidRecipe: a key is unknown or has no effect, or a value is impossible.
    """
    try:
        return Recipe.model_validate(fields).with_origin(origin)
    except ValidationError as exc:
        raise InvalidRecipe(first_error(exc, where=origin.file)) from exc


def read_recipe(file: Path) -> Recipe:
    """The recipe in a file: ours in TOML, mergekit's in YAML.

    Raises:
        InvalidRecipe: it is not there, or cannot be followed.
        MergeUnavailable: YAML, and the extra `merge` is not installed.
    """
    text = recipe_files.text_of(file)
    if file.suffix.lower() in (".yaml", ".yml"):
        fields, notices = recipe_fields(text, where=str(file))
        return checked(fields, Origin(file=str(file), filters="transformers", notices=notices))
    return checked(recipe_files.toml(text, where=str(file)), Origin(file=str(file)))
