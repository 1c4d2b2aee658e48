"""Why an answer is as it is: its plan, and what each step's expert gave."""

from __future__ import annotations

from collections.abc import Iterator

from metier.answer import Part, Usage
from metier.cli.chat.conversation import Turn
from metier.cli.text import clipped, plan_tree

_CHECKED = {True: ", checked", False: ", not checked", None: ""}


def explanation(turn: Turn) -> str:
    """The plan, the experts with their models, checks and sources, and what it cost."""
    answer = turn.answer
    lines = [plan_tree(turn.plan)]
    for part in answer.parts:
        lines += _part_lines(part)
    lines += [f"[{each.step_id}] {each.expert} failed: {each.reason}" for each in answer.missing]
    lines.append(_cost(answer.usage))
    return "\n".join(lines)


def _part_lines(part: Part) -> Iterator[str]:
    on = f" on {', '.join(part.models)}" if part.models else ""
    sure = "" if part.confidence is None else f", {part.confidence:.0%} sure"
    agreed = sum(vote.chosen for vote in part.votes)
    votes = f", {part.strategy}: {agreed} of {len(part.votes)} agree" if part.votes else ""
    yield f"[{part.step_id}] {part.expert}{on}{_CHECKED[part.checked]}{sure}{votes}"
    for source in part.sources:
        quote = f": {clipped(source.quote, 72)!r}" if source.quote else ""
        yield f"    source: {source.name} {source.place}".rstrip() + quote


def _cost(usage: Usage) -> str:
    return (
        f"{usage.calls} calls, {usage.prompt_tokens} + {usage.completion_tokens} tokens, "
        f"{usage.total_s:.1f} s in models"
    )
