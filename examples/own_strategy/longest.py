"""A strategy of your own: the longest of several answers.

Install it with `pip install examples/own_strategy`, then `metier ask -s longest "..."`.
"""

from metier.plan import Step
from metier.strategies import Sampled, SampleOptions, Sampler, Samples


async def longest(step: Step, sampler: Sampler, *, samples: Samples = 3) -> Sampled:
    """The longest of several answers.

    Args:
        samples: how many answers are compared, as the budget allows.
    """
    answers: list[Sampled] = []
    for draw in range(min(samples, sampler.calls_left)):
        options = SampleOptions(draw=draw, temperature=0.7)
        answers.append(await sampler.sample(sampler.own, options=options))
    return max(answers, key=lambda answer: len(answer.text))
