"""What every benchmark prints: progress on stderr, one JSON object as the last line on stdout."""

from __future__ import annotations

import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from metier.evaluating.estimate import Estimate


class Metric(TypedDict):
    """A figure with its number of observations and its 95 % interval."""

    value: float
    n: int
    ci95: list[float]


def median_of(values: Sequence[float], *, seed: int = 0) -> Metric:
    """The median with a bootstrap interval (2,000 resamples)."""
    draw = random.Random(seed)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(2000))
    return {
        "value": round(statistics.median(values), 4),
        "n": len(values),
        "ci95": [round(medians[50], 4), round(medians[1949], 4)],
    }


def mean_of(values: Sequence[float], *, seed: int = 0) -> Metric:
    """The mean with a bootstrap interval (2,000 resamples of the observations)."""
    mean = Estimate.mean(np.asarray(values, dtype=np.float64), seed=seed)
    return {
        "value": round(mean.value, 4),
        "n": mean.n,
        "ci95": [round(mean.low, 4), round(mean.high, 4)],
    }


def share_of(right: Sequence[bool] | npt.NDArray[np.bool_]) -> Metric:
    """The percentage that is true, with Wilson's interval."""
    share = Estimate.share(np.asarray(right, dtype=np.bool_))
    return {
        "value": round(100 * share.value, 2),
        "n": share.n,
        "ci95": [round(100 * share.low, 2), round(100 * share.high, 2)],
    }


def ratio_of(
    above: npt.NDArray[np.float64], below: npt.NDArray[np.float64], *, seed: int = 0
) -> Metric:
    """The ratio of two paired means with a bootstrap interval (2,000 resamples of the pairs).

    Where nothing stands below, half of one row counts, so that there is a ratio.
    """
    n = len(above)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=2000)
    ratios = (counts @ above) / np.maximum(counts @ below, 0.5)
    value = float(above.sum() / max(below.sum(), 0.5))
    low, high = np.percentile(ratios, [2.5, 97.5])
    return {"value": round(value, 3), "n": n, "ci95": [round(low, 3), round(high, 3)]}


def exactly(value: float, *, n: int = 1) -> Metric:
    """A figure that does not vary, such as a count."""
    return {"value": value, "n": n, "ci95": [value, value]}


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def report(
    name: str,
    metrics: Mapping[str, Metric],
    *,
    baselines: Mapping[str, Mapping[str, Metric]],
    embedder: str,
    started: float,
    fitted_on: str | None = None,
) -> None:
    """Print the benchmark's object, and the figures for people on stderr."""
    for who, figures in {"": metrics, **baselines}.items():
        for key, metric in figures.items():
            low, high = metric["ci95"]
            label = f"  {who}, {key}" if who else key
            say(f"{label}: {metric['value']:g} (n {metric['n']}, 95 % {low:g} to {high:g})")
    body = {
        "benchmark": name,
        "metrics": metrics,
        "baselines": baselines,
        "fitted_on": fitted_on,
        "embedder": embedder,
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "seconds": round(time.perf_counter() - started, 1),
    }
    print(json.dumps(body))
