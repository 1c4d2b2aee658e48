"""The endpoints under `/api`, and the greeting at `/`."""

from __future__ import annotations

import time
from typing import Literal

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from metier.serving.embedding import EmbedBody, OldEmbedBody, embedded, vectors_of
from metier.serving.failures import refused
from metier.serving.ollama import models
from metier.serving.ollama.chat import ChatBody, GenerateBody, form
from metier.serving.replying import LiveReply
from metier.serving.service import Service, json_response, rfc3339

Key = Literal["message", "response"]
_CHANGES = ["POST", "PUT", "DELETE", "HEAD"]
_CHANGING = (
    "/api/blobs/{digest}",
    "/api/copy",
    "/api/create",
    "/api/delete",
    "/api/pull",
    "/api/push",
)


def ollama_routes(service: Service) -> list[BaseRoute]:
    """The endpoints of one server."""

    async def tags(_: Request) -> Response:
        return json_response(models.tags(service.models, modified=service.modified))

    async def version(_: Request) -> Response:
        return json_response(models.own_version())

    async def chat(request: Request) -> LiveReply | Response:
        body = await service.read(request, ChatBody)
        return _reply(service, request, body, "message", ask=bool(body.messages))

    async def generate(request: Request) -> LiveReply | Response:
        body = await service.read(request, GenerateBody)
        return _reply(service, request, body, "response", ask=bool(body.prompt))

    async def show(request: Request) -> Response:
        body = await service.read(request, models.ShowBody)
        if not (name := body.model or body.name):
            raise refused("model is required", param="model")
        found = service.model(name)
        num_ctx = service.council.settings.num_ctx
        return json_response(models.shown(found, modified=service.modified, num_ctx=num_ctx))

    async def embed(request: Request) -> Response:
        body = await service.read(request, EmbedBody)
        vectors = await vectors_of(
            service, request, body.model, body.input, dimensions=body.dimensions
        )
        return json_response(embedded(vectors, body))

    async def old_embed(request: Request) -> Response:
        body = await service.read(request, OldEmbedBody)
        (vector,) = await vectors_of(service, request, body.model, body.prompt)
        return json_response({"embedding": vector.tolist()})

    return [
        Route("/api/version", version),
        Route("/api/tags", tags),
        Route("/api/chat", chat, methods=["POST"]),
        Route("/api/generate", generate, methods=["POST"]),
        Route("/api/ps", _loaded),
        Route("/api/show", show, methods=["POST"]),
        Route("/api/embed", embed, methods=["POST"]),
        Route("/api/embeddings", old_embed, methods=["POST"]),
        *(Route(path, _unsupported, methods=_CHANGES) for path in _CHANGING),
    ]


def _reply(
    service: Service, request: Request, body: ChatBody | GenerateBody, key: Key, *, ask: bool
) -> LiveReply | Response:
    """The answer; without a question, the reply that the model is loaded, which is always true."""
    model = service.model(body.model)
    written = form(body, key, created=rfc3339(time.time()))
    if not ask:
        return json_response(written.loaded(unload=body.keep_alive in (0, "0")))
    question, stream = body.question(model), body.stream is not False
    events, _ = service.run(request, question, stream=stream)
    return service.reply(question, written, events, stream=stream)


async def _loaded(_: Request) -> Response:
    """Reply with no model: those in memory belong to the server behind, with its own `/api/ps`."""
    return json_response({"models": []})


async def _unsupported(request: Request) -> Response:
    raise refused(f"{request.url.path}: metier changes no models over HTTP", status=501)


async def running(_: Request) -> Response:
    """Answer at `/` as Ollama does."""
    # Clients look for these words.
    return PlainTextResponse("Ollama is running")
