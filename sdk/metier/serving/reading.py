"""A request's body, read within limits and checked."""

from __future__ import annotations

from typing import TypeVar

import anyio
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import ClientDisconnect, Request

from metier.serving.failures import Refused, refused
from metier.serving.limits import ServingLimits

B = TypeVar("B", bound="Body")


class Body(BaseModel):
    """What a client sends. Fields that are not known here are ignored, as servers do."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


async def read_body(request: Request, shape: type[B], limits: ServingLimits) -> B:
    """The body of a request.

    Raises:
        Refused: it is too large or too slow, is not JSON, or a field of it is wrong.
    """
    try:
        with anyio.fail_after(limits.body_s):
            data = await _bytes(request, limits.body_bytes)
    except TimeoutError:
        raise refused("the request's body did not come in time", status=408) from None
    except ClientDisconnect:
        raise refused("the client is gone", status=400) from None
    try:
        return shape.model_validate_json(data)
    except ValidationError as exc:
        raise _explained(exc) from exc


async def _bytes(request: Request, most: int) -> bytes:
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > most:
            raise refused(f"the request's body is larger than {most} bytes", status=413)
    return bytes(data)


def _explained(exc: ValidationError) -> Refused:
    """The first problem: where it is, and what would be right."""
    error = exc.errors(include_url=False, include_input=False)[0]
    if error["type"] == "json_invalid":
        return refused(f"the request's body is not valid JSON: {error['msg']}")
    place = ".".join(str(part) for part in error["loc"])[:200]
    return refused(f"{place or 'the body'}: {error['msg']}", param=place or None)
