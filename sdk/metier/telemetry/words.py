"""Votes and their outcome in words, for people who follow a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from metier.answer import StepResult, Vote
from metier.events import StepDone


def vote_in_words(vote: Vote, shown: Callable[[str], str]) -> str:
    """A vote, such as `math on qwen3:4b: 42`.

    Args:
        shown: how an answer is shown.
    """
    who = f"{vote.expert} on {vote.model}" if vote.model else vote.expert
    said = f"no answer ({vote.error})" if vote.error else shown(vote.answer)
    return f"{who}: {said}"


def outcome_in_words(
    event: StepDone, words: Mapping[bool | None, str], *, strategy: str = ""
) -> str:
    """How a step ended, such as `done, 87% sure, 3 of 5 agree`.

    Args:
        words: for an answer that passed its check, failed it, or was not checked (None).
        strategy: named before the votes, if given.
    """
    word = words[event.checked] + how_in_words(event)
    word = "not sure enough to answer" if event.abstained else word
    votes = agreement_in_words(event.votes, strategy=strategy)
    return f"{word}{confidence_in_words(event.confidence)}{votes}"


def how_in_words(result: StepResult) -> str:
    """What was checked, such as ` (2 of 2 programs agree)`; empty if that is not known."""
    return f" ({result.how_checked})" if result.how_checked else ""


def confidence_in_words(confidence: float | None) -> str:
    """The end of a line, such as `, 87% sure`; empty if the confidence is not known."""
    return "" if confidence is None else f", {confidence:.0%} sure"


def agreement_in_words(votes: Sequence[Vote], *, strategy: str = "") -> str:
    """The end of a line, such as `, vote: 3 of 5 agree`; empty if there was no vote."""
    by = f"{strategy}: " if strategy else ""
    chosen = sum(vote.chosen for vote in votes)
    return f", {by}{chosen} of {len(votes)} agree" if votes else ""
