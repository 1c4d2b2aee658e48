"""Which strategies are there: metier's own, those of installed packages, those given in code."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from metier.errors import InvalidPlan, MetierError, PluginBroken, nearest
from metier.experts.registry import Broken
from metier.plan import OptionValue, Plan, Step
from metier.strategies.strategy import Sampled, Sampler, Strategy

GROUP = "metier.strategies"
# The modules of this package that are not strategies. Every other one holds the strategy that is
# called as the module is.
_SEAM = {"registry", "strategy"}


@cache
def _built_in() -> tuple[str, ...]:
    package = importlib.import_module(__package__ or "")
    modules = pkgutil.iter_modules(package.__path__)
    return tuple(sorted(each.name for each in modules if not each.ispkg and each.name not in _SEAM))


class Strategies:
    """The strategies by name. Nothing is imported before it is asked for.

    A built-in name cannot be taken by a package. What cannot be loaded is listed in `broken` and
    skipped.

    Args:
        given: strategies given in code, by name; they take precedence over all others.
    """

    def __init__(self, given: Mapping[str, Strategy] | None = None) -> None:
        self._given = dict(given or {})
        self._points: dict[str, EntryPoint] | None = None
        self._broken: dict[str, Broken] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in alphabetical order."""
        return tuple(sorted({*self._given, *_built_in(), *self._installed()}))

    @property
    def broken(self) -> tuple[Broken, ...]:
        """What was skipped so far, and why."""
        return tuple(self._broken.values())

    def origin(self, name: str) -> str:
        """Where a strategy comes from, for people."""
        if name in self._given:
            return "given in code"
        if name in _built_in():
            return "built in"
        point = self._installed()[name]
        return f"{point.dist.name if point.dist else '?'}: {point.value}"

    def get(self, name: str) -> Strategy:
        """The strategy of this name.

        Raises:
            InvalidPlan: there is none; the message names the closest ones.
            PluginBroken: its package cannot be imported, or does not hold a strategy.
        """
        if name in self._given:
            return self._given[name]
        if name in _built_in():
            return getattr(importlib.import_module(f"{__package__}.{name}"), name)
        if name in self._installed():
            return self._loaded(name, self._installed()[name])
        raise InvalidPlan(
            f"no strategy is called {name!r}{nearest(name, self.names)}",
            hint="See: metier strategies list",
        )

    def options(self, name: str) -> type[BaseModel]:
        """The options that a strategy declares: the keyword-only parameters of its function.

        Raises:
            InvalidPlan, PluginBroken: as `get` does.
        """
        return _declared(self.get(name))

    def check(self, plan: Plan) -> None:
        """Raise unless each step's strategy is there and takes the step's options.

        Raises:
            InvalidPlan: an unknown strategy or option, or a value that it does not take.
            PluginBroken: as `get` does.
        """
        for step in plan.steps:
            self.validated(step.strategy, step.options)

    def validated(self, name: str, options: Mapping[str, OptionValue]) -> dict[str, Any]:
        """A strategy's options as it takes them.

        Raises:
            InvalidPlan: it does not know an option, or does not take its value.
            PluginBroken: as `get` does.
        """
        declared = self.options(name)
        try:
            return dict(declared.model_validate(dict(options)))
        except ValidationError as exc:
            raise InvalidPlan(
                _problem(name, exc, declared), hint=f"See: metier strategies show {name}"
            ) from exc

    async def run(self, step: Step, sampler: Sampler) -> Sampled:
        """The answer that a step's strategy makes.

        Raises:
            InvalidPlan: the step's strategy or options cannot be used.
            PluginBroken: the strategy cannot be loaded, or raises what is not a `MetierError`.
            MetierError: there is no answer.
        """
        strategy = self.get(step.strategy)
        options = self.validated(step.strategy, step.options)
        try:
            return await strategy(step, sampler, **options)
        except (MetierError, MemoryError, RecursionError):
            raise
        # A package's code may raise anything; the step fails, the plan goes on.
        except Exception as exc:
            raise PluginBroken(step.strategy, f"it raised {type(exc).__name__}: {exc}") from exc

    def _installed(self) -> dict[str, EntryPoint]:
        if self._points is None:
            found = importlib.metadata.entry_points(group=GROUP)
            self._points = {point.name: point for point in found if point.name not in _built_in()}
            for point in found:
                if point.name in _built_in():
                    self._skip(
                        point, PluginBroken(point.name, "metier has a strategy of this name")
                    )
        return self._points

    def _loaded(self, name: str, point: EntryPoint) -> Strategy:
        try:
            strategy = point.load()
            _declared(strategy)
        # Importing runs a package's code, which may raise anything.
        except (Exception, SystemExit) as exc:
            error = PluginBroken(name, f"{type(exc).__name__}: {exc}")
            self._skip(point, error)
            raise error from exc
        return strategy

    def _skip(self, point: EntryPoint, error: MetierError) -> None:
        self._broken[point.name] = Broken(name=point.name, origin=point.value, error=error)


def _declared(strategy: Callable[..., object]) -> type[BaseModel]:
    """A model with a field for each keyword-only parameter.

    Raises:
        TypeError: it is not an async function, or an option lacks its annotation or default.
    """
    if not inspect.iscoroutinefunction(strategy):
        raise TypeError("a strategy is an async function of a step and a sampler")
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(strategy, eval_str=True).parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        if parameter.empty in (parameter.annotation, parameter.default):
            raise TypeError(f"its option {name!r} needs an annotation and a default")
        fields[name] = (parameter.annotation, parameter.default)
    config = ConfigDict(extra="forbid", validate_default=True)
    return create_model(f"Options of {strategy.__name__}", __config__=config, **fields)


def _problem(name: str, exc: ValidationError, declared: type[BaseModel]) -> str:
    error = exc.errors()[0]
    option = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] != "extra_forbidden":
        return f"strategy {name!r} does not take {option}={error['input']!r}: {error['msg']}"
    known = ", ".join(declared.model_fields) or "none"
    close = nearest(option, declared.model_fields)
    return f"strategy {name!r} has no option {option!r}{close}; it has: {known}"
