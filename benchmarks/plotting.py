"""Pictures of results: accuracy over calls, one panel a set, and where seconds go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.contract import Metric

MARKERS = "osD^v<>PX*h"
COLOURS = [f"C{number}" for number in range(10)]
# The same figures make the same file, with texts that can be searched.
SAME = {"svg.hashsalt": "metier", "svg.fonttype": "none"}


def accuracy_over_calls(metrics: Mapping[str, Metric], sets: Sequence[str], file: Path) -> None:
    """Draw `SET.STRATEGY` over `SET.STRATEGY.calls`, beside the best single model.

    Args:
        file: its ending says the format, as of `savefig`.
    """
    strategies = _strategies(metrics)
    looks = dict(zip(strategies, zip(cycle(MARKERS), cycle(COLOURS), strict=False), strict=False))
    figure = Figure(figsize=(5 * len(sets), 4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(sets), squeeze=False)[0], sets, strict=True):
        _panel(axes, name, metrics, looks)
    handles = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(handles.values()), list(handles), loc="outside right upper", frameon=False)
    with mpl.rc_context(SAME):
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def stacked_seconds(seconds: Mapping[str, Mapping[str, float]], file: Path) -> None:
    """Draw where the seconds of something go: a bar for each way, a colour for each phase."""
    figure = Figure(figsize=(8, 0.7 * len(seconds) + 1.2), layout="constrained")
    axes = figure.subplots()
    ways = list(seconds)
    starts = dict.fromkeys(ways, 0.0)
    for phase, colour in zip(next(iter(seconds.values())), cycle(COLOURS), strict=False):
        lengths = [seconds[way][phase] for way in ways]
        axes.barh(ways, lengths, left=list(starts.values()), color=colour, label=phase, height=0.6)
        starts = {way: starts[way] + seconds[way][phase] for way in ways}
    axes.invert_yaxis()
    axes.set(xlabel="seconds")
    figure.legend(loc="outside upper center", ncols=len(COLOURS), frameon=False)
    with mpl.rc_context(SAME):
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def _strategies(metrics: Mapping[str, Metric]) -> list[str]:
    """In the order in which they were measured, of all sets."""
    parts = (key.split(".") for key in metrics if key.endswith(".calls"))
    return list(dict.fromkeys(strategy for _, strategy, _ in parts))


def _panel(
    axes: Axes, name: str, metrics: Mapping[str, Metric], looks: Mapping[str, tuple[str, str]]
) -> None:
    best = metrics[f"{name}.best_single"]
    axes.axhline(best["value"], color="grey", linewidth=1, linestyle="--")
    _point(axes, 1.0, best, label="best single", marker="o", colour="black")
    for strategy, (marker, colour) in looks.items():
        if found := metrics.get(f"{name}.{strategy}"):
            calls = metrics[f"{name}.{strategy}.calls"]["value"]
            _point(axes, calls, found, label=strategy, marker=marker, colour=colour)
    axes.set(title=f"{name}, n {best['n']}", xlabel="calls a question", ylabel="right, %")
    axes.grid(alpha=0.2)


def _point(
    axes: Axes, calls: float, share: Metric, *, label: str, marker: str, colour: str
) -> None:
    value, (low, high) = share["value"], share["ci95"]
    axes.errorbar(
        calls,
        value,
        yerr=[[value - low], [high - value]],
        marker=marker,
        color=colour,
        label=label,
        markersize=7,
        elinewidth=0.8,
        linestyle="none",
    )
