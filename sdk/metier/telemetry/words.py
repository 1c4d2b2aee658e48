"""Votes and their outcome in words, for people who follow a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metier.answer import Vote


def vote_in_words(vote: Vote, shown: Callable[[str], str]) -> str:
    """A vote, such as `math on qwen3:4b: 42`.

    Args:
        shown: how an answer is shown.
    """
    who = f"{vote.expert} on {vote.model}" if vote.model else vote.expert
    said = f"no answer ({vote.error})" if vote.error else shown(vote.answer)
    return f"{who}: {said}"


def confidence_in_words(confidence: float | None) -> str:
    """The end of a line, such as `, 87% sure`; empty if the confidence is not known."""
    return "" if confidence is None else f", {confidence:.0%} sure"


def agreement_in_words(votes: Sequence[Vote], *, strategy: str = "") -> str:
    """The end of a line, such as `, vote: 3 of 5 agree`; empty if there was no vote."""
    by = f"{strategy}: " if strategy else ""
    chosen = sum(vote.chosen for vote in votes)
    return f", {by}{chosen} of {len(votes)} agree" if votes else ""
