"""Tools for steps that are given: by past steps, and the most probable path through the graph.

What metier does without: it plans from the request alone. `benchmarks.ultratool` compares with it,
as others report this task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from metier.models.embedder import Vectors
from metier.planning.learning.chains import PlanPredictor
from metier.planning.learning.kernel_ridge import KernelRidge
from metier.planning.learning.past import CapabilityKey

Array = npt.NDArray[np.float64]

_TASK_SHARE = 0.5
# Without past plans the task itself says more than the request, and a similarity is no logarithm.
_UNLEARNT_TASK_SHARE = 0.8
_UNLEARNT_SCALE = 4.0
_TRANSITION_WEIGHT = 0.15
_FLOOR = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepTools:
    """Compares each task, together with its request, with past tasks.

    Attributes:
        by_task: scores of the tools for a task with its request; None without past tasks.
    """

    model: PlanPredictor
    by_task: KernelRidge | None = None

    @classmethod
    def fit(
        cls, model: PlanPredictor, tasks: Vectors, requests: Vectors, tools: Sequence[CapabilityKey]
    ) -> Self:
        """Learn from tasks, each with the vector of its request and its tool."""
        number = {key: n for n, key in enumerate(model.graph.keys)}
        own = np.arange(len(number), dtype=np.int64)
        described = _joined(model.descriptions, model.descriptions, _TASK_SHARE)
        by_task = KernelRidge.fit(
            np.concatenate([_joined(tasks, requests, _TASK_SHARE), described]),
            np.concatenate([np.array([number[tool] for tool in tools], dtype=np.int64), own]),
            classes=len(own),
            always=len(own),
        )
        return cls(model=model, by_task=by_task)

    def assign(self, tasks: Vectors, request: Vectors) -> tuple[CapabilityKey, ...]:
        """The tool for each task.

        Args:
            tasks: unit vectors of the tasks of one request, in order, shape (n, dimension).
            request: the whole request's unit vector, shape (dimension,).
        """
        graph = self.model.graph
        share = _TASK_SHARE if self.by_task else _UNLEARNT_TASK_SHARE
        requests = np.tile(request, (len(tasks), 1))
        if self.by_task:
            scores = self.by_task.scores(_joined(tasks, requests, share))
            fits = np.log(np.maximum(scores, _FLOOR))
        else:
            alike = share * tasks + (1 - share) * requests
            fits = _UNLEARNT_SCALE * (alike @ self.model.descriptions.T)
        path = viterbi(fits, _TRANSITION_WEIGHT * np.log(graph.transitions))
        return tuple(graph.keys[n] for n in path)


def viterbi(fits: Array, transitions: Array) -> list[int]:
    """The states with the highest sum of fits and transitions (Viterbi 1967).

    Args:
        fits: log-score of each state for each task, shape (tasks, states).
        transitions: log-score of going from a to b, shape (states, states).
    """
    if not len(fits):
        return []
    best, back = fits[0], []
    for fit in fits[1:]:
        through = best[:, None] + transitions
        back.append(through.argmax(axis=0))
        best = through.max(axis=0) + fit
    path = [int(best.argmax())]
    for origin in reversed(back):
        path.append(int(origin[path[-1]]))
    return path[::-1]


def _joined(tasks: Vectors, requests: Vectors, share: float) -> Vectors:
    """Unit vectors whose product is the weighted mean of both cosines, shape (n, 2 dimension)."""
    parts = [np.sqrt(share) * tasks, np.sqrt(1 - share) * requests]
    return np.concatenate(parts, axis=1).astype(np.float32)
