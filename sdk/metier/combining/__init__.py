"""Several answers to one step, made one."""

from metier.combining.single import single
from metier.combining.strategy import Sampled, Sampler, Strategy
from metier.plan import StrategyName

STRATEGIES: dict[StrategyName, Strategy] = {"single": single}

__all__ = ["STRATEGIES", "Sampled", "Sampler", "Strategy"]
