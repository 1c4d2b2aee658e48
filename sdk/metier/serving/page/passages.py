"""What stands around a quote in the documents that were added for an expert."""

from __future__ import annotations

from anyio import to_thread
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from metier.council import Council
from metier.errors import MetierError
from metier.experts.knowledge.quotes import verified
from metier.serving.forms import Wire
from metier.serving.reading import Body
from metier.serving.service import Service, json_response

_AROUND_CHARS = 160
_NOTHING: Wire = {"before": "", "quote": "", "after": ""}


class PassageBody(Body):
    """A source of an answer: the expert whose documents they are, and what it quotes."""

    expert: str = Field(max_length=200)
    name: str = Field(max_length=2000)
    quote: str = Field(max_length=20_000)


def passage_routes(service: Service) -> list[BaseRoute]:
    """The endpoint of one server."""

    async def passage(request: Request) -> Response:
        body = await service.read(request, PassageBody)
        return json_response(await to_thread.run_sync(_passage, service.council, body))

    return [Route("/metier/passage", passage, methods=["POST"])]


def _passage(council: Council, body: PassageBody) -> Wire:
    """The quote with the text around it; all empty if the documents do not have it any more."""
    if body.expert not in council.knowledge.domains:
        return _NOTHING
    try:
        chunks = council.knowledge.base(body.expert).chunks
    except MetierError:
        return _NOTHING
    found = verified(body.quote, (each for each in chunks if each.name == body.name), min_words=1)
    if found is None:
        return _NOTHING
    text = found.chunk.text
    return {
        "before": text[max(0, found.start - _AROUND_CHARS) : found.start],
        "quote": found.quote,
        "after": text[found.end : found.end + _AROUND_CHARS],
    }
