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
from metier.council.health import examined
from metier.errors import MetierError, PluginBroken, UnknownExpert
from metier.experts.card import Card
from metier.experts.versions import code_version
from metier.merging.health import merge_checks
from metier.models.vector_checks import embedded
from metier.serving.failures import public
from metier.serving.forms import Wire
from metier.serving.page.mapping import capability_map
from metier.serving.reading import Body
from metier.serving.service import Service, json_response

# The page lists so many documents of a domain.
_NAMED = 200


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

    async def expert(request: Request) -> Response:
        name = request.path_params["expert"]
        return json_response(await to_thread.run_sync(_code_of, council, name))

    async def models(request: Request) -> Response:
        return json_response(await service.counted(request, partial(_models, council)))

    async def health(request: Request) -> Response:
        return json_response(await service.counted(request, partial(_health, council)))

    async def checks(request: Request) -> Response:
        return json_response(await service.counted(request, partial(_checks, council)))

    async def show_map(request: Request) -> Response:
        body = await service.read(request, MapBody)
        drawn = partial(_map, council, body.question)
        return json_response(await service.counted(request, drawn))

    return [
        Route("/metier/experts", experts),
        Route("/metier/experts/{expert}", expert),
        Route("/metier/models", models),
        Route("/metier/health", health),
        Route("/metier/checks", checks),
        Route("/metier/map", show_map, methods=["POST"]),
    ]


def _code_of(council: Council, name: str) -> Wire:
    """What an expert has besides its card; its code is imported."""
    entry = council.registry.entries.get(name)
    if entry is None:
        raise UnknownExpert(name, council.registry.cards)
    try:
        tools = council.registry.expert(name).tools.values()
    except PluginBroken as exc:
        return {"tools": [], "version": code_version(entry), "problem": public(exc.message)}
    listed = [{"name": each.name, "description": each.description} for each in tools]
    return {"tools": listed, "version": code_version(entry), "problem": ""}


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


async def _checks(council: Council) -> Wire:
    """What `metier doctor` looks at, except what would ask a model."""
    found = [*await examined(council), *await merge_checks(council)]
    return {
        "checks": [
            asdict(each) | {"detail": public(each.detail), "fix": public(each.fix)}
            for each in found
        ]
    }


def _knowledge(council: Council) -> list[Wire]:
    """The documents of each domain, which are read from disk."""
    return [_documents(council, domain) for domain in council.knowledge.domains]


def _documents(council: Council, domain: str) -> Wire:
    try:
        names = [each.name for each in council.knowledge.base(domain).entries.values()]
    except MetierError as exc:
        return {"domain": domain, "documents": 0, "names": [], "problem": public(str(exc))}
    shown = [public(name) for name in names[:_NAMED]]
    return {"domain": domain, "documents": len(names), "names": shown, "problem": ""}
