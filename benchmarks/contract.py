"""What every benchmark prints: progress on stderr, one JSON object as the last line on stdout."""

from __future__ import annotations

import json
import math
import platform
import random
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt


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
    observed = np.asarray(values, dtype=np.float64)
    draw = np.random.default_rng(seed)
    # A bootstrap over n observations is a multinomial over their counts.
    counts = draw.multinomial(len(observed), np.full(len(observed), 1 / len(observed)), size=2000)
    low, high = np.percentile(counts @ observed / len(observed), [2.5, 97.5])
    return {
        "value": round(float(observed.mean()), 4),
        "n": len(observed),
        "ci95": [round(float(low), 4), round(float(high), 4)],
    }


def share_of(right: Sequence[bool] | npt.NDArray[np.bool_]) -> Metric:
    """The percentage that is true, with Wilson's interval."""
    n, z = len(right), 1.959964
    share = float(np.mean(right))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return {
        "value": round(100 * share, 2),
        "n": n,
        "ci95": [round(100 * (centre - half), 2), round(100 * (centre + half), 2)],
    }


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
