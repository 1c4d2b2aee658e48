"""Explain an answer: its plan, and what each step's expert contributed."""

from __future__ import annotations

from collections.abc import Iterator

from metier.answer import Part, Usage
from metier.cli.chat.conversation import Turn
from metier.cli.text import clipped, cost_of, plan_tree
from metier.telemetry.words import agreement_in_words, confidence_in_words, how_in_words

_CHECKED = {True: ", checked", False: ", not checked", None: ""}


def explanation(turn: Turn) -> str:
    """List the plan, the experts with their models, checks and sources, and the cost."""
    answer = turn.answer
    lines = [plan_tree(turn.plan)]
    for part in answer.parts:
        lines += _part_lines(part)
    lines += [f"[{each.step_id}] {each.expert} failed: {each.reason}" for each in answer.missing]
    lines.append(_cost(answer.usage))
    return "\n".join(lines)


def _part_lines(part: Part) -> Iterator[str]:
    on = f" on {', '.join(part.models)}" if part.models else ""
    sure = confidence_in_words(part.confidence)
    votes = agreement_in_words(part.votes, strategy=part.strategy)
    checked = f"{_CHECKED[part.checked]}{how_in_words(part)}"
    yield f"[{part.step_id}] {part.expert}{on}{checked}{sure}{votes}"
    for source in part.sources:
        quote = f": {clipped(source.quote, 72)!r}" if source.quote else ""
        yield f"    source: {source.name} {source.place}".rstrip() + quote


def _cost(usage: Usage) -> str:
    return (
        f"{cost_of(usage.calls, read=usage.prompt_tokens, written=usage.completion_tokens)}, "
        f"{usage.total_s:.1f} s in models"
    )
