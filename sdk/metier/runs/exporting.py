"""A run as JSON for other programs, with the texts of its requests."""

from __future__ import annotations

import json
from typing import Any

from metier.runs.exchanges import adapter
from metier.runs.run import Exchange
from metier.runs.store import RunStore


def exported(store: RunStore, name: str) -> dict[str, Any]:
    """Everything that is kept of a run, except vectors.

    Raises:
        UnknownRun: there is no such run.
    """
    run = store.load(name)
    calls = [_call(store, each) for each in run.exchanges]
    return run.model_dump(mode="json") | {"calls": calls}


def _call(store: RunStore, exchange: Exchange) -> dict[str, Any]:
    if exchange.kind == "embed":
        return {"kind": "embed", "request": json.loads(exchange.request)}
    reply = json.loads(exchange.reply)
    if exchange.kind == "chat":
        request = store.request(exchange)
        return {
            "kind": "chat",
            "request": adapter(type(request)).dump_python(request, mode="json"),
            "reply": reply,
        }
    asked = exchange.request.decode()
    request_json = json.loads(asked) if exchange.kind == "generate" else asked
    return {"kind": exchange.kind, "request": request_json, "reply": reply}
