"""Traces and metrics of a council's runs, folded from their events.

- `OpenTelemetry`: spans and metrics for the OpenTelemetry SDK of the program (extra `telemetry`).
- `Metrics`: the same metrics, kept in this process, as text for Prometheus.
- `Backend`: what both are; write one of your own for another system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metier.telemetry.operation import Backend, Operation
    from metier.telemetry.otel import OpenTelemetry
    from metier.telemetry.prometheus import Metrics

_HOMES = {
    "Backend": "operation",
    "Metrics": "prometheus",
    "OpenTelemetry": "otel",
    "Operation": "operation",
}

__all__ = ["Backend", "Metrics", "OpenTelemetry", "Operation"]


def __getattr__(name: str) -> object:
    # Every command imports `tracing`; the import of `otel` takes 150 ms and needs the extra.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
