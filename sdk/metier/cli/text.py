"""Plans, tables and JSON as text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from metier.cli.terminal import cleaned

if TYPE_CHECKING:
    from metier.evaluating.estimate import Estimate
    from metier.plan import Plan, Step

_WIDTH = 92


def plan_tree(plan: Plan) -> str:
    """Format a plan as a tree: each step's expert, probability, evidence, runner-up and needs."""
    lines = [clipped(plan.question)]
    for n, step in enumerate(plan.steps):
        last = n == len(plan.steps) - 1
        head, *rest = _step_lines(step)
        lines.append(f"{'└─' if last else '├─'} {head}")
        lines += [f"{'  ' if last else '│ '}    {line}" for line in rest]
    return "\n".join(lines)


def _step_lines(step: Step) -> list[str]:
    chosen = next((c for c in step.candidates if c.expert == step.expert), None)
    chance = f" {chosen.probability:.2f}" if chosen and step.reason is None else ""
    needs = f"  ← needs {', '.join(step.needs)}" if step.needs else ""
    lines = [f"{step.id} {step.expert}{chance}{needs}", clipped(step.task)]
    if step.strategy != "single" or step.members:
        lines.append(_strategy_line(step))
    if step.reason:
        lines.append(step.reason)
    if chosen and chosen.capability and step.reason is None:
        like = f": like {clipped(chosen.example, 60)!r}" if chosen.example else ""
        lines.append(f"{chosen.capability}{like}")
        if chosen.words:
            lines.append(clipped(f"words: {' '.join(chosen.words)}", 72))
    others = [c for c in step.candidates if c.expert != step.expert]
    if others:
        lines.append(f"runner-up: {others[0].expert} {others[0].probability:.2f}")
    return lines


def _strategy_line(step: Step) -> str:
    named = ", ".join(f"{each.expert} on {each.model or 'its own model'}" for each in step.members)
    options = ", ".join(f"{name}={value}" for name, value in step.options.items())
    return f"{step.strategy}{f' of {named}' if named else ''}{f' ({options})' if options else ''}"


def clipped(text: str, width: int = _WIDTH) -> str:
    """Put a text on one line, cut with an ellipsis if it is too long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else f"{flat[: width - 1]}…"


def as_json(value: object, *, indent: int | None = 2) -> str:
    """Format JSON, with the characters escaped that can control a terminal."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False, default=str)
    return cleaned(text)


def table(
    rows: Sequence[tuple[str, ...]], *, header: tuple[str, ...], numbers_from: int | None = None
) -> str:
    """Format a table.

    Args:
        numbers_from: the index of the first number column; these are aligned to the right.
    """
    lines = [header, *rows]
    widths = [max(len(line[n]) for line in lines) for n in range(len(header))]
    texts = len(header) if numbers_from is None else numbers_from
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n < texts else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def interval(share: Estimate) -> str:
    """Format a share in percent, with its interval."""
    value, low, high = (100 * each for each in (share.value, share.low, share.high))
    return f"{value:.1f} % ({low:.1f} to {high:.1f})"


def points(gain: Estimate) -> str:
    """Format a difference of shares in percentage points, with its interval."""
    value, low, high = (f"{100 * each:+.1f}" for each in (gain.value, gain.low, gain.high))
    return f"{value} ({low} to {high})"


def cost_of(calls: int, *, read: int, written: int) -> str:
    """Format the number of calls and tokens that an answer took."""
    return f"{calls} {'call' if calls == 1 else 'calls'}, {read} + {written} tokens"
