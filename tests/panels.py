"""Several models that answer one step, for tests of strategies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from metier.plan import Member, OptionValue, Step
from metier.strategies import Sampled, Strategies, Voter
from metier.strategies.ballots.voting import VoteAggregator
from metier.strategies.strategy import Prompt
from metier.testing.sampler import (
    LARGE,
    QUESTION,
    SMALL,
    Judge,
    Reply,
    ScriptedSampler,
)

MIDDLE = Voter(expert="math", model="middle", size_bytes=3)
THREE = (SMALL, LARGE, MIDDLE)
SEVERAL = Step(
    id="1",
    task=QUESTION,
    expert="math",
    members=tuple(Member(expert=voter.expert, model=voter.model) for voter in THREE),
)
# Too long to be an answer that can be compared.
ENDLESS = "and so it goes on and on."
CLOSED = "Which is a metal?\nA) wood\nB) zinc\nC) glass\nAnswer with the letter only."


async def run(name: str, step: Step, them: ScriptedSampler, **options: OptionValue) -> Sampled:
    """What a strategy makes of the panel's answers."""
    named = step.model_copy(update={"strategy": name, "options": options})
    return await Strategies().run(named, them)


def letters(text: str) -> list[str]:
    return [f"Answer: {letter}" for letter in text]


def numbers(*values: float) -> list[Reply]:
    return [f"Some steps.\nAnswer: {value:g}" for value in values]


def panel(
    *replies: Sequence[Reply], voters: Sequence[Voter] = THREE, **more: Any
) -> ScriptedSampler:
    scripts = zip(voters, map(list, replies), strict=False)
    return ScriptedSampler(dict(scripts), **more)


def split() -> tuple[list[Reply], ...]:
    return numbers(7), numbers(4), numbers(4)


def echoing(*names: str) -> VoteAggregator:
    """Of past votes in which all but the first voter always gave the same answer."""
    draw = np.random.default_rng(0)
    right = draw.integers(0, 9, 600)
    own = np.where(
        draw.random((600, 2)) < (0.75, 0.6), right[:, None], draw.integers(9, 99, (600, 2))
    )
    votes = np.column_stack([own[:, :1], *([own[:, 1:]] * (len(names) - 1))])
    skills = np.tile([0.75, *([0.6] * (len(names) - 1))], (600, 1))
    return VoteAggregator.fit(
        votes, skills, right=right, options=np.zeros(600, dtype=int), voters=names
    )


def first_is_better(_: Voter, prompt: Prompt, labels: Sequence[str]) -> Mapping[str, float]:
    return {"A": 0.9, "B": 0.1}


def skilled(voter: Voter, skill: float) -> Voter:
    return Voter(expert=voter.expert, model=voter.model, size_bytes=voter.size_bytes, skill=skill)


def fitting(voter: Voter, fit: float) -> Voter:
    return Voter(expert=voter.expert, model=voter.model, size_bytes=voter.size_bytes, fit=fit)


def opinions(voter: Voter, prompt: Prompt, labels: Sequence[str]) -> Mapping[str, float]:
    """Opinions on the options' texts, whatever letter they stand under."""
    likely = {"middle": {"zinc": 0.98}}.get(voter.model, {"wood": 0.4, "zinc": 0.35})
    text = prompt[-1].content
    found = {}
    for label in labels:
        option = next(line[3:] for line in text.splitlines() if line.startswith(f"{label}) "))
        found[label] = likely.get(option, 0.01)
    total = sum(found.values())
    return {label: share / total for label, share in found.items()}


def prefers(*words: str) -> Judge:
    """Of words the later one."""

    def judging(_: Voter, prompt: Prompt, labels: Sequence[str]) -> Mapping[str, float]:
        first, second = (
            max((n for n, word in enumerate(words) if word in each), default=-1)
            for each in prompt[-1].content.split('name="B"')
        )
        share = 0.5 if first == second else 0.9 if first > second else 0.1
        return {"A": share, "B": 1 - share}

    return judging


def mostly(_: Voter, prompt: Prompt, labels: Sequence[str]) -> Mapping[str, float]:
    return {"yes": 0.8, "no": 0.2}


def never(_: Voter, prompt: Prompt, labels: Sequence[str]) -> Mapping[str, float]:
    return {"yes": 0.1, "no": 0.9}
