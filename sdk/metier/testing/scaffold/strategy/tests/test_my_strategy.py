"""Tests of the strategy my_strategy: no server, no network."""

import anyio
from metier.plan import Step
from metier.strategies import Strategy
from metier.testing import ScriptedSampler, StrategyConformance
from metier.testing.sampler import SMALL

from metier_my_strategy import my_strategy


class TestMyStrategy(StrategyConformance):
    """What every strategy has to do."""

    def strategy(self) -> Strategy:
        return my_strategy


def test_the_longest_answer_is_taken() -> None:
    sampler = ScriptedSampler({SMALL: ["seven", "It is seven.", "7"]})
    step = Step(id="1", task="How many?", expert="math", strategy="my_strategy")
    assert anyio.run(my_strategy, step, sampler).text == "It is seven."
