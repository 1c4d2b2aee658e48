"""The page, and the endpoints that it uses."""

from __future__ import annotations

from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from metier.serving.ollama.routes import running
from metier.serving.page.files import HEADERS, page_files
from metier.serving.page.house import house_routes
from metier.serving.page.kept import Kept
from metier.serving.page.learnt import learnt_routes
from metier.serving.page.passages import passage_routes
from metier.serving.page.pdfs import pdf_routes
from metier.serving.page.streaming import (
    AskBody,
    EventForm,
    EventPieces,
    RunBody,
    asked,
    events_of,
    results_that_stand,
)
from metier.serving.replying import LiveReply
from metier.serving.service import Service, json_response


def page_routes(service: Service) -> list[BaseRoute]:
    """The endpoints of one server."""
    kept = Kept(service)

    async def plan(request: Request) -> Response:
        body = await service.read(request, AskBody)
        messages = asked(body, service.limits)
        planned = partial(
            service.council.plan,
            messages,
            documents=body.documents,
            experts=body.experts,
            strategy=body.combining,
        )
        made = await service.counted(request, planned)
        return json_response(made.model_dump(mode="json"))

    async def run(request: Request) -> LiveReply:
        body = await service.read(request, RunBody)
        messages = asked(body, service.limits) if body.plan is None else ()
        results = ()
        if body.plan is not None:
            body.plan.check(service.council.registry.cards)
            if body.reuse:
                results = results_that_stand(await kept.load(body.reuse), body.plan)
        return LiveReply(
            events_of(service.council, body, messages, results),
            EventForm(),
            EventPieces(),
            stream=True,
            runs=service.runs,
            limits=service.limits,
        )

    return [
        Route("/", root),
        Route("/page/{name:path}", page_file),
        Route("/metier/plan", plan, methods=["POST"]),
        Route("/metier/runs", run, methods=["POST"]),
        *kept.routes(),
        *house_routes(service),
        *learnt_routes(service),
        *passage_routes(service),
        *pdf_routes(service),
    ]


async def root(request: Request) -> Response:
    """The page to a browser; to programs, the words that they look for."""
    if "text/html" in request.headers.get("accept", "").lower():
        return _file("index.html", request)
    return await running(request)


async def page_file(request: Request) -> Response:
    """A file of the page."""
    return _file(request.path_params["name"], request)


def _file(name: str, request: Request) -> Response:
    if (file := page_files().get(name)) is None:
        raise HTTPException(404)
    headers = {**HEADERS, "vary": "Accept, Accept-Encoding"}
    if _reads_gzip(request.headers.get("accept-encoding", "")):
        file = file.packed()
        headers["content-encoding"] = "gzip"
    headers["etag"] = file.tag
    if request.headers.get("if-none-match") == file.tag:
        return Response(status_code=304, headers=headers)
    return Response(file.data, media_type=file.media_type, headers=headers)


def _reads_gzip(accepted: str) -> bool:
    named = [each.replace(" ", "").lower().split(";") for each in accepted.split(",")]
    return any(name == "gzip" and "q=0" not in how for name, *how in named)
