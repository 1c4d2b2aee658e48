"""What was learnt, and what the ratings would change. Read-only: apply it at a terminal."""

from __future__ import annotations

from functools import partial

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from metier.council import Council
from metier.errors import InvalidInput
from metier.evaluating.ratings import RatedRouting, rated_questions
from metier.planning.scoring import cards_hash
from metier.serving.forms import Wire
from metier.serving.service import Service, json_response


def learnt_routes(service: Service) -> list[BaseRoute]:
    """The endpoint of one server."""

    async def learnt(request: Request) -> Response:
        return json_response(await service.counted(request, partial(_learnt, service.council)))

    return [Route("/metier/learnt", learnt)]


async def _learnt(council: Council) -> Wire:
    index = await council.planning.index()
    of = cards_hash(index, council.registry.cards)
    kept = await to_thread.run_sync(partial(council.planning.artefacts.status, of=of))
    return {
        "learnt": [
            {"name": each.name, "teaches": each.teaches, "problem": each.problem} for each in kept
        ],
        "ratings": await _ratings(council),
    }


async def _ratings(council: Council) -> Wire | None:
    """What they teach; null if none says who should answer."""
    if council.runs is None:
        return None
    runs = await to_thread.run_sync(council.runs.rated)
    questions, useless = rated_questions(runs, council.registry.cards)
    try:
        rated = await RatedRouting.of(council, questions, useless=useless)
    except InvalidInput:
        return None
    report = await to_thread.run_sync(rated.report)
    return report.model_dump(mode="json") | {"refusal": report.refusal}
