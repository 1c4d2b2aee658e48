"""The endpoints under `/v1`."""

from __future__ import annotations

import secrets
import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from metier.serving.embedding import EmbeddingsBody, embeddings, vectors_of
from metier.serving.open_webui import is_open_webui
from metier.serving.openai import models
from metier.serving.openai.chat import ChatBody, ChatForm
from metier.serving.openai.response_events import ResponseForm
from metier.serving.openai.responses import PREFIX, ResponsesBody, continued
from metier.serving.replying import LiveReply
from metier.serving.service import Service, json_response


def openai_routes(service: Service) -> list[BaseRoute]:
    """The endpoints of one server."""
    created = int(service.started)

    async def list_models(_: Request) -> Response:
        return json_response(models.models(service.models, created=created))

    async def one_model(request: Request) -> Response:
        found = service.model(request.path_params["name"])
        return json_response(models.model(found, created=created))

    async def chat(request: Request) -> LiveReply:
        body = await service.read(request, ChatBody)
        question = body.question(service.model(body.model))
        options = body.stream_options
        form = ChatForm(
            id=f"chatcmpl-{secrets.token_hex(12)}",
            created=int(time.time()),
            model=question.model,
            with_usage=options is not None and options.include_usage,
            open_webui=is_open_webui(request.headers),
        )
        stream = bool(body.stream)
        events, _ = service.run(request, question, stream=stream)
        return service.reply(question, form, events, stream=stream)

    async def responses(request: Request) -> LiveReply:
        body = await service.read(request, ResponsesBody)
        question = body.question(service.model(body.model))
        if body.previous_response_id is not None:
            store = service.council.runs
            question = await continued(question, body.previous_response_id, store)
        events, kept = service.run(request, question, stream=bool(body.stream))
        form = ResponseForm(
            name=f"{PREFIX}{secrets.token_hex(12)}",
            created=int(time.time()),
            model=question.model,
            body=body,
            kept=kept and question.keep and service.council.runs is not None,
        )
        return service.reply(
            question, form, form.named(events) if kept else events, stream=bool(body.stream)
        )

    async def embed(request: Request) -> Response:
        body = await service.read(request, EmbeddingsBody)
        vectors = await vectors_of(
            service, request, body.model, body.input, dimensions=body.dimensions
        )
        return json_response(embeddings(vectors, body))

    return [
        Route("/v1/models", list_models),
        Route("/v1/models/{name:path}", one_model),
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/responses", responses, methods=["POST"]),
        Route("/v1/embeddings", embed, methods=["POST"]),
    ]
