"""The experts and their cards, the models, and whether everything works."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from anyio import to_thread
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from metier.council import Council
from metier.errors import MetierError
from metier.experts.card import Card
from metier.models.vector_checks import embedded
from metier.serving.failures import public
from metier.serving.forms import Wire
from metier.serving.page.mapping import capability_map
from metier.serving.reading import Body
from metier.serving.service import Service, json_response


class MapBody(Body):
    """The body of a request for the map."""

    question: str = Field("", max_length=20_000)


def house_routes(service: Service) -> list[BaseRoute]:
    """The endpoints of one server."""
    council = service.council

    async def experts(_: Request) -> Response:
        cards = council.registry.cards.values()
        return json_response(
            {
                "experts": [card.model_dump(mode="json") for card in cards],
                "strategies": list(council.strategies.names),
            }
        )

    async def models(request: Request) -> Response:
        return json_response(await service.counted(request, partial(_models, council)))

    async def health(request: Request) -> Response:
        return json_response(await service.counted(request, partial(_health, council)))

    async def show_map(request: Request) -> Response:
        body = await service.read(request, MapBody)
        drawn = partial(_map, council, body.question)
        return json_response(await service.counted(request, drawn))

    return [
        Route("/metier/experts", experts),
        Route("/metier/models", models),
        Route("/metier/health", health),
        Route("/metier/map", show_map, methods=["POST"]),
    ]


async def _models(council: Council) -> Wire:
    installed = await council.server.list()
    loaded = {each.name for each in await council.server.loaded()}
    return {"models": [asdict(each) | {"loaded": each.name in loaded} for each in installed]}


async def _map(council: Council, question: str) -> Wire:
    index = await council.planning.index()
    asked = await embedded(council.embedder, [question]) if question.strip() else None
    return asdict(await to_thread.run_sync(capability_map, index, asked))


async def _health(council: Council) -> Wire:
    """What works and what does not; an error is part of the reply."""
    server: dict[str, object] = {"address": council.server.address, "version": "", "problem": ""}
    try:
        server["version"] = await council.server.version()
    except MetierError as exc:
        server["problem"] = public(str(exc))
    return {
        "server": server,
        "embedder": council.embedder.id,
        "keeps_runs": council.runs is not None,
        "experts": [await _runs_on(council, card) for card in council.registry.cards.values()],
        "knowledge": await to_thread.run_sync(_knowledge, council),
        "broken": [
            {"name": each.name, "problem": public(each.error.message)}
            for each in council.registry.broken
        ],
    }


async def _runs_on(council: Council, card: Card) -> Wire:
    try:
        return {"id": card.id, "model": await council.model_of(card), "problem": ""}
    except MetierError as exc:
        return {"id": card.id, "model": "", "problem": public(str(exc))}


def _knowledge(council: Council) -> list[Wire]:
    """How many documents each domain has, which are read from disk."""
    return [_documents(council, domain) for domain in council.knowledge.domains]


def _documents(council: Council, domain: str) -> Wire:
    try:
        count = len(council.knowledge.base(domain).entries)
    except MetierError as exc:
        return {"domain": domain, "documents": 0, "problem": public(str(exc))}
    return {"domain": domain, "documents": count, "problem": ""}
