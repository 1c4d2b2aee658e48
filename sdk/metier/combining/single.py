"""`single`: the chosen expert's one answer, its words streamed straight through."""

from __future__ import annotations

from metier.combining.strategy import Sampled, Sampler
from metier.plan import Step


async def single(step: Step, sampler: Sampler) -> Sampled:
    """One call of the step's expert."""
    return await sampler.sample(step.expert, live=True)
