"""The strategy my_strategy of metier."""

from metier.plan import Step
from metier.strategies import Sampled, SampleOptions, Sampler, Samples


async def my_strategy(step: Step, sampler: Sampler, *, samples: Samples = 3) -> Sampled:
    """The longest of several answers, until you change it.

    Args:
        samples: how many answers are compared, as the budget allows.
    """
    answers: list[Sampled] = []
    for draw in range(min(samples, sampler.calls_left)):
        options = SampleOptions(draw=draw, temperature=0.7)
        answers.append(await sampler.sample(sampler.own, options=options))
    return max(answers, key=lambda answer: len(answer.text))
