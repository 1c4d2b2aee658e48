"""In which order steps run: as few model loads as the DAG permits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache

from metier.plan import Step

# 2^n subsets are looked at up to here; larger plans go by the nearest ready model.
EXACT_UP_TO = 12


def ordered(
    steps: Sequence[Step],
    models: Mapping[str, str],
    *,
    loaded: Collection[str] = (),
    last: str | None = None,
) -> list[Step]:
    """The steps in an order that respects their needs and changes models least often.

    Args:
        models: the model of each step, by step id; a step without one uses none.
        loaded: models that are in memory now: beginning with one costs no load.
        last: the model that runs after all steps, such as the composing one.
    """
    if len(steps) > EXACT_UP_TO:
        return _greedy(steps, models, loaded)
    return _exact(steps, models, frozenset(loaded), last)


def _exact(
    steps: Sequence[Step],
    models: Mapping[str, str],
    loaded: frozenset[str],
    last: str | None,
) -> list[Step]:
    number = {step.id: n for n, step in enumerate(steps)}
    needs = [sum(1 << number[need] for need in step.needs) for step in steps]
    everything = (1 << len(steps)) - 1

    def cost(before: str | None, after: str | None) -> int:
        free = after is None or after == before or (before is None and after in loaded)
        return 0 if free else 1

    @cache
    def best(done: int, current: str | None) -> tuple[int, tuple[int, ...]]:
        if done == everything:
            return cost(current, last), ()
        found: tuple[int, tuple[int, ...]] | None = None
        for n, step in enumerate(steps):
            if done >> n & 1 or needs[n] & ~done:
                continue
            model = models.get(step.id)
            rest, order = best(done | 1 << n, model or current)
            total = cost(current, model) + rest
            if found is None or total < found[0]:
                found = total, (n, *order)
        assert found is not None  # the plan is a DAG, so some step is ready
        return found

    return [steps[n] for n in best(0, None)[1]]


def _greedy(
    steps: Sequence[Step], models: Mapping[str, str], loaded: Collection[str]
) -> list[Step]:
    waiting = list(steps)
    order: list[Step] = []
    warm = set(loaded)
    while waiting:
        done = {step.id for step in order}
        ready = [step for step in waiting if done.issuperset(step.needs)]
        chosen = next((step for step in ready if models.get(step.id) in warm), ready[0])
        order.append(chosen)
        waiting.remove(chosen)
        if (model := models.get(chosen.id)) is not None:
            warm = {model}
    return order
