"""PDFs that people attach to a question, read as texts."""

from __future__ import annotations

from functools import partial

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from metier.experts.knowledge.documents import Unreadable, need_pdf_reader, pdf_text
from metier.serving.failures import refused
from metier.serving.reading import body_of
from metier.serving.service import Service, json_response

# A person waits for it, and what comes out is sent with the question.
MAX_CHARS = 4_000_000
CPU_S = 30
WALL_S = 60
# Each is read in a process of its own, which may take much memory.
AT_ONCE = 2


def pdf_routes(service: Service) -> list[BaseRoute]:
    """The endpoint of one server."""
    readers = CapacityLimiter(AT_ONCE)
    read = partial(pdf_text, max_chars=MAX_CHARS, cpu_s=CPU_S, wall_s=WALL_S)

    async def read_in_turn(data: bytes) -> str:
        try:
            return await to_thread.run_sync(read, data, limiter=readers)
        except Unreadable as exc:
            raise refused(f"this PDF cannot be read: {exc}", code="unreadable_pdf") from exc

    async def text(request: Request) -> Response:
        need_pdf_reader("the document")
        data = await body_of(request, service.limits)
        if not data.startswith(b"%PDF-"):
            raise refused("this is not a PDF")
        found = await service.counted(request, partial(read_in_turn, data))
        return json_response({"text": found})

    return [Route("/metier/pdf", text, methods=["POST"])]
