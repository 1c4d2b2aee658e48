"""`single`: the chosen expert's one answer, its words streamed straight through."""

from __future__ import annotations

from metier.plan import Step
from metier.strategies.strategy import Sampled, SampleOptions, Sampler


async def single(step: Step, sampler: Sampler) -> Sampled:
    """One answer of the step's expert, streamed as it is written."""
    voter = (await sampler.voters("models"))[0] if step.members else sampler.own
    return await sampler.sample(voter, options=SampleOptions(live=True))
