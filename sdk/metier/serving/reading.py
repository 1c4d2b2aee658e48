"""Reading the body of a request, within limits, and checking it."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Annotated, TypeVar

import anyio
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import ClientDisconnect, Request

from metier.serving.failures import Refused, refused
from metier.serving.limits import ServingLimits

B = TypeVar("B", bound="Body")
# As Ollama's server reads it: null is an empty text.
NullableText = Annotated[str, BeforeValidator(lambda given: "" if given is None else given)]
# How pydantic names the alternatives of a field: `str`, `list[str]`, or a class.
_TYPE = re.compile(r"(?:str|int|float|bool|dict|list|constrained-str)\b|[A-Z]")
_LONGEST_CHARS = 200


class Body(BaseModel):
    """The body of a request. Unknown fields are ignored, as other servers do."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


async def read_body(request: Request, shape: type[B], limits: ServingLimits) -> B:
    """The body of a request.

    Raises:
        Refused: it is too large or too slow, is not JSON, or a field of it is wrong.
    """
    data = await body_of(request, limits)
    try:
        return shape.model_validate_json(data)
    except ValidationError as exc:
        raise _explained(exc) from exc


async def body_of(request: Request, limits: ServingLimits) -> bytes:
    """The body of a request, unread.

    Raises:
        Refused: it is too large or too slow.
    """
    try:
        with anyio.fail_after(limits.body_s):
            return await _bytes(request, limits.body_bytes)
    except TimeoutError:
        raise refused("the body of the request did not arrive in time", status=408) from None
    except ClientDisconnect:
        raise refused("the client is gone", status=400) from None


async def _bytes(request: Request, most: int) -> bytes:
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > most:
            raise refused(f"the request's body is larger than {most} bytes", status=413)
    return bytes(data)


def _explained(exc: ValidationError) -> Refused:
    """The first field that is wrong, and what it should be; if it may be several things, each."""
    errors = exc.errors(include_url=False, include_input=False)
    if errors[0]["type"] == "json_invalid":
        return refused(f"the body of the request is not JSON: {errors[0]['ctx']['error']}")
    first = _field(errors[0]["loc"])
    wanted = [_wanted(each) for each in errors if _field(each["loc"]) == first]
    place = ".".join(map(str, first))[:_LONGEST_CHARS]
    what = "; or: ".join(wanted)[:_LONGEST_CHARS]
    return refused(f"{place or 'the body'}: {what}", param=place or None)


def _wanted(error: ErrorDetails) -> str:
    """What a field should be; of an alternative, what a field within it should be."""
    within = ".".join(map(str, error["loc"][len(_field(error["loc"])) + 1 :]))
    return f"{within}: {error['msg']}" if within else error["msg"]


def _field(place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The place of a field, without the name of the type that was tried there."""
    return tuple(takewhile(lambda part: not _TYPE.match(str(part)), place))
