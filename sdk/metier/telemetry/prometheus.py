"""The metrics, kept in this process, as text for Prometheus."""

from __future__ import annotations

import re
import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from metier.telemetry.measures import HISTOGRAMS, Histogram, Measure, measures_of
from metier.telemetry.operation import Operation

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_UNITS = {"s": "_seconds"}
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
# Of each metric. Names of models come from the server, and it may list any number of them.
_MOST_SERIES = 1000

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Series:
    """The values of one metric with the same labels; the last bucket has no upper bound."""

    counts: list[int]
    total: float = 0.0

    def add(self, value: float, buckets: tuple[float, ...]) -> None:
        self.counts[bisect_left(buckets, value)] += 1
        self.total += value


@dataclass(slots=True)
class Metrics:
    """A backend that counts. It can be used from any thread."""

    _series: dict[str, dict[Labels, _Series]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, operation: Operation) -> Mapping[str, str]:
        """Do nothing: only what has ended is counted."""
        return {}

    def end(self, operation: Operation) -> None:
        """Count an operation."""
        with self._lock:
            for measure in measures_of(operation):
                self._add(measure)

    def text(self) -> str:
        """All metrics in Prometheus' text format."""
        with self._lock:
            return "".join(
                f"{line}\n"
                for histogram in HISTOGRAMS
                for line in _lines(histogram, self._series.get(histogram.name, {}))
            )

    def _add(self, measure: Measure) -> None:
        histogram = measure.histogram
        found = self._series.setdefault(histogram.name, {})
        labels = tuple(sorted((_name(key), text) for key, text in measure.attributes.items()))
        if labels not in found:
            if len(found) >= _MOST_SERIES:
                return
            found[labels] = _Series([0] * (len(histogram.buckets) + 1))
        found[labels].add(measure.value, histogram.buckets)


def _lines(histogram: Histogram, found: Mapping[Labels, _Series]) -> Iterator[str]:
    name = f"{_name(histogram.name)}{_UNITS.get(histogram.unit, '')}"
    yield f"# HELP {name} {histogram.description}"
    yield f"# TYPE {name} histogram"
    bounds = (*map(_number, histogram.buckets), "+Inf")
    for labels, series in sorted(found.items()):
        for bound, count in zip(bounds, accumulate(series.counts), strict=True):
            yield f"{name}_bucket{_labelled((*labels, ('le', bound)))} {count}"
        yield f"{name}_sum{_labelled(labels)} {series.total!r}"
        yield f"{name}_count{_labelled(labels)} {sum(series.counts)}"


def _labelled(labels: Labels) -> str:
    inner = ",".join(f'{name}="{text.translate(_ESCAPES)}"' for name, text in labels)
    return f"{{{inner}}}" if inner else ""


def _name(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name)


def _number(value: float) -> str:
    return f"{value:g}" if value < 1e6 else str(int(value))
