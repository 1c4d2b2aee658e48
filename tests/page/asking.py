"""The page's endpoints without a socket, over councils that keep their runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from metier.council import Council
from metier.plan import Plan
from metier.serving import Access, ServingLimits, http_app


def caller(
    council: Council, *, access: Access | None = None, limits: ServingLimits | None = None
) -> httpx.AsyncClient:
    """A client of a council's server."""
    app = http_app(council, access=access or Access(), limits=limits or ServingLimits())
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://127.0.0.1:8413",
    )


def question(text: str, **more: Any) -> dict[str, Any]:
    """The body that asks it."""
    return {"messages": [{"role": "user", "content": text}]} | more


def as_json(plan: Plan) -> Mapping[str, Any]:
    """A plan as the page sends it."""
    return json.loads(plan.model_dump_json())


async def run(client: httpx.AsyncClient, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The events of a run, in order."""
    reply = await client.post("/metier/runs", json=body)
    assert reply.headers["content-type"].startswith("text/event-stream"), reply.text
    events = []
    for block in reply.text.split("\n\n"):
        name, _, data = block.partition("\n")
        if name.startswith("event: "):
            events.append(json.loads(data.removeprefix("data: ")))
            assert events[-1]["type"] == name.removeprefix("event: ")
    return events
