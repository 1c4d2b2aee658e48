"""`/metrics`, for Prometheus."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from metier.serving.service import Service
from metier.telemetry.prometheus import CONTENT_TYPE, Metrics

_RUNNING = "metier_questions_running"


def metrics_route(service: Service) -> Route:
    """The metrics of the council's runs, counted from now on."""
    metrics = Metrics()
    service.council.telemetry.append(metrics)

    async def show(_: Request) -> Response:
        running = (
            f"# HELP {_RUNNING} Number of questions that are being answered or wait for a model\n"
            f"# TYPE {_RUNNING} gauge\n{_RUNNING} {service.runs.count}\n"
        )
        return Response(running + metrics.text(), headers={"content-type": CONTENT_TYPE})

    return Route("/metrics", show)
