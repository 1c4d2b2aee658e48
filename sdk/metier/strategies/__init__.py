"""Several answers to one step, made one. Each strategy is one file; `--strategy` names it."""

from metier.strategies.registry import Strategies
from metier.strategies.strategy import Sampled, SampleOptions, Sampler, Samples, Strategy, Voter

__all__ = ["SampleOptions", "Sampled", "Sampler", "Samples", "Strategies", "Strategy", "Voter"]
