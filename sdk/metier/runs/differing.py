"""The differences between two runs, or between a run and its replay."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from metier.plan import Plan, Step
from metier.runs.run import ExchangeKind, Run, Versions

_SHOWN = 60


def versions_differ(then: Versions, now: Versions) -> list[str]:
    """List what answers depend on and has changed, one line each."""
    found: list[str] = []
    if then.embedder != now.embedder:
        found.append(f"the embedder was {then.embedder!r} and is {now.embedder!r}")
    found += [f"the card of {name} {how}" for name, how in _changed(then.cards, now.cards)]
    found += [
        f"the code of {name} was {then.code.get(name)!r} and is {now.code.get(name)!r}"
        for name, how in _changed(then.code, now.code)
        if how == "has changed"
    ]
    if then.metier != now.metier:
        found.append(f"metier was {then.metier} and is {now.metier}")
    found += [
        f"the setting {name} was {then.settings.get(name)!r} and is {now.settings.get(name)!r}"
        for name, _ in _changed(then.settings, now.settings)
    ]
    return found


def _changed(then: Mapping[str, object], now: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    for name in sorted(then.keys() | now.keys()):
        if name not in now:
            yield name, "is gone"
        elif name not in then:
            yield name, "is new"
        elif then[name] != now[name]:
            yield name, "has changed"


def first_difference(kind: ExchangeKind, request: bytes, kept: Sequence[bytes]) -> str:
    """Describe where a request first differs from the most similar kept one."""
    what = {"embed": "the embedder"}.get(kind, "a model")
    if request in kept:
        return f"{what} is asked the same thing more often than in the kept run"
    if not kept:
        return f"{what} is asked ({kind}), but was not in the kept run"
    asked = json.loads(request)
    ways = [list(_paths(asked, json.loads(each))) for each in kept]
    nearest = min(ways, key=len)
    return f"{what} is asked differently: {_told(*nearest[0])}"


def _told(place: str, now: object, then: object) -> str:
    if place.endswith("].content"):  # a hash
        return f"the text of {place.removesuffix('.content')} has changed"
    if isinstance(now, list) and isinstance(then, list):
        return f"the number of {place} was {len(then)} and is {len(now)}"
    return f"{place} was {_shown(then)} and is {_shown(now)}"


def _paths(now: object, then: object, place: str = "") -> Iterable[tuple[str, object, object]]:
    if isinstance(now, dict) and isinstance(then, dict):
        for key in sorted(now.keys() | then.keys()):
            yield from _paths(now.get(key), then.get(key), f"{place}.{key}" if place else key)
    elif isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        for n, (mine, theirs) in enumerate(zip(now, then, strict=True)):
            yield from _paths(mine, theirs, f"{place}[{n}]")
    elif now != then:
        yield place or "the request", now, then


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsDiffer:
    """The differences between two runs.

    Attributes:
        plan: differences between steps, one per line.
        versions: differences in what the answers depend on, the server and its models among it, one
            per line.
        answer: a unified diff of the texts, line by line; empty if they are the same.
    """

    plan: tuple[str, ...]
    versions: tuple[str, ...]
    answer: tuple[str, ...]


def difference(first: Run, second: Run) -> RunsDiffer:
    """Compare two runs."""
    lines = difflib.unified_diff(
        first.answer.splitlines(),
        second.answer.splitlines(),
        fromfile=first.id[:8],
        tofile=second.id[:8],
        lineterm="",
    )
    return RunsDiffer(
        plan=tuple(_plans_differ(first.plan, second.plan)),
        versions=(
            *versions_differ(first.versions, second.versions),
            *_servers_differ(first, second),
        ),
        answer=tuple(lines),
    )


def _servers_differ(first: Run, second: Run) -> Iterable[str]:
    """What differs of what both runs know."""
    was, now = first.server_version, second.server_version
    if was and now and was != now:
        yield f"the model server was {was!r} and is {now!r}"
    for model in sorted(first.weights.keys() & second.weights.keys()):
        then, today = first.weights[model], second.weights[model]
        if then and today and then != today:
            yield f"the model {model} has changed"


def _plans_differ(first: Plan | None, second: Plan | None) -> Iterable[str]:
    steps = [{step.id: step for step in plan.steps} if plan else {} for plan in (first, second)]
    for name in dict.fromkeys([*steps[0], *steps[1]]):
        was, now = steps[0].get(name), steps[1].get(name)
        if was is None or now is None:
            yield f"step {name} is {'new' if was is None else 'gone'}"
        else:
            yield from _steps_differ(name, was, now)


def _steps_differ(name: str, was: Step, now: Step) -> Iterable[str]:
    for field in ("expert", "task", "needs", "strategy", "members", "options"):
        then, today = getattr(was, field), getattr(now, field)
        if then != today:
            yield f"step {name}: {field} was {_shown(then)} and is {_shown(today)}"
