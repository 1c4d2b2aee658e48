"""The strategies that come with metier do what every strategy has to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metier.strategies import Sampled, Strategies, Strategy
from metier.testing import Nonconforming, StrategyConformance

CHECKS = [name for name in dir(StrategyConformance) if name.startswith("test_")]


def checked(strategy: Strategy) -> StrategyConformance:
    class Checked(StrategyConformance):
        def strategy(self) -> Strategy:
            return strategy

    return Checked()


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", Strategies().names)
def test_a_built_in_strategy_conforms(name: str, check: str) -> None:
    getattr(checked(Strategies().get(name)), check)()


async def _invents(step: object, sampler: object) -> Sampled:
    return Sampled(text="7", expert="math")


async def _overspends(step: object, sampler: object) -> Sampled:
    for _ in range(9):
        answer = await sampler.sample(sampler.own)  # pyrefly: ignore[missing-attribute]
    return answer


async def _says_nothing(step: object, sampler: object) -> Sampled:
    return Sampled(text=" ", expert="math")


def _is_not_async(step: object, sampler: object) -> None:
    return None


@pytest.mark.parametrize(
    ("strategy", "check"),
    [
        (_invents, "test_it_raises_if_nobody_answers"),
        (_overspends, "test_it_keeps_to_the_budget"),
        (_says_nothing, "test_it_answers_one_voter"),
        (_is_not_async, "test_its_options_have_defaults_that_it_takes"),
    ],
)
def test_a_strategy_that_does_not_conform_is_told_so(
    strategy: Callable[..., object], check: str
) -> None:
    with pytest.raises(Nonconforming):
        getattr(checked(strategy), check)()  # pyrefly: ignore[bad-argument-type]
