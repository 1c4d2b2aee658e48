"""`single`: the chosen expert's one answer, its words streamed straight through."""

from __future__ import annotations

from metier.plan import Step
from metier.strategies.strategy import Options, Sampled, Sampler


async def single(step: Step, sampler: Sampler) -> Sampled:
    """One call of the step's expert; of its first member, where it names some."""
    voter = (await sampler.voters("models"))[0] if step.members else sampler.own
    return await sampler.sample(voter, options=Options(live=True))
