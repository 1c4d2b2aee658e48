"""The tools of a server of the Model Context Protocol as experts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
from mcp import ClientSession, McpError, types
from pydantic import ValidationError

from metier.bridges.schemas import arguments_of
from metier.bridges.tools import ForeignTool, Granularity, experts_of, text_of
from metier.errors import DeadlineExceeded, ExpertFailed, InvalidInput
from metier.experts.card import Card
from metier.experts.expert import Expert

_MOST_TOOLS = 1000
_MOST_PAGES = 1000
_LONGEST_NAME = 256
_LONGEST_RESULT = 1 << 20
_LONGEST_COMPLAINT = 2000


async def from_session(
    session: ClientSession,
    *,
    source: str,
    granularity: Granularity = "function",
    cards: Mapping[str, Card] | None = None,
    timeout_s: float = 60,
) -> list[Expert]:
    """The tools of a connected server as experts: one of each, or one with all as its tools.

    The session stays its owner's: the experts answer while it is open, in its event loop. What a
    server says of its tools becomes a card; connect to servers that you trust as you would a card.

    Args:
        session: initialised.
        source: the first part of the experts' ids.
        granularity: as in `metier.bridges.tools.experts_of`.
        cards: cards by the tool's name, or by `source` where there is one expert.
        timeout_s: how long listing the tools and reading their schemas may take.

    Raises:
        InvalidInput: the server has no tool, or one whose name or schema cannot be used.
        InvalidCard: a card is given for something that is not there.
        ExpertFailed: the server cannot list its tools, or the list does not end.
        DeadlineExceeded: it did not list them in time.
    """
    tools: list[ForeignTool] = []
    with anyio.move_on_after(timeout_s) as waiting:
        for each in await _listed(session, source):
            tools.append(_tool(source, each, session))
            await anyio.lowlevel.checkpoint()
    if waiting.cancelled_caught:
        raise DeadlineExceeded(f"the server {source!r} did not list its tools in {timeout_s:g} s")
    if not tools:
        raise InvalidInput(f"the server {source!r} has no tool")
    return experts_of(source, tools, granularity=granularity, cards=cards)


async def _listed(session: ClientSession, source: str) -> list[types.Tool]:
    found: list[types.Tool] = []
    seen: set[str | None] = set()
    cursor: str | None = None
    while cursor not in seen and len(seen) < _MOST_PAGES:
        seen.add(cursor)
        try:
            page = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
        except McpError as exc:
            reason = _shortened(str(exc))
            raise ExpertFailed(f"the server {source!r} did not list its tools: {reason}") from exc
        except ValidationError as exc:
            raise ExpertFailed(f"what the server {source!r} lists are no tools") from exc
        found += page.tools
        if len(found) > _MOST_TOOLS:
            raise ExpertFailed(f"the server {source!r} lists more than {_MOST_TOOLS} tools")
        if (cursor := page.nextCursor) is None:
            return found
    raise ExpertFailed(f"the list of tools of {source!r} does not end")


def _tool(source: str, tool: types.Tool, session: ClientSession) -> ForeignTool:
    if len(tool.name) > _LONGEST_NAME:
        raise InvalidInput(f"a tool of {source!r} has a name of {len(tool.name)} characters")
    try:
        shape, required = arguments_of(tool.inputSchema)
    except InvalidInput as exc:
        raise InvalidInput(f"the tool {tool.name!r} of {source!r}: {exc.message}") from exc
    return ForeignTool(
        name=tool.name,
        description=tool.description or tool.title or "",
        call=partial(_call, session, source, tool.name),
        shape=shape,
        required=required,
    )


async def _call(session: ClientSession, source: str, name: str, /, **arguments: Any) -> Any:
    params = types.CallToolRequestParams(name=name, arguments=arguments)
    request = types.ClientRequest(types.CallToolRequest(params=params))
    try:
        # Not `call_tool`: it would follow a schema of the server's to check what is only text here.
        result = await session.send_request(request, types.CallToolResult)
    except McpError as exc:
        reason = _shortened(str(exc))
        raise ExpertFailed(f"{source}.{name} was not called: {reason}") from exc
    except ValidationError as exc:
        raise ExpertFailed(f"{source}.{name} returned what is no result of a tool") from exc
    text = "\n".join(_text(content) for content in result.content)
    if not text and result.structuredContent:
        text = text_of(result.structuredContent)
    if result.isError:
        raise ExpertFailed(f"{source}.{name} failed: {_shortened(text)}")
    if len(text) > _LONGEST_RESULT:
        raise ExpertFailed(f"{source}.{name} returned more than {_LONGEST_RESULT} characters")
    return text or None


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_COMPLAINT else f"{text[:_LONGEST_COMPLAINT]} …"


def _text(content: types.ContentBlock) -> str:
    match content:
        case types.TextContent():
            return content.text
        case types.ImageContent() | types.AudioContent():
            return f"({content.mimeType}, {len(content.data)} characters of base64)"
        case types.EmbeddedResource(resource=types.TextResourceContents() as resource):
            return resource.text
        case types.EmbeddedResource():
            return f"({content.resource.uri})"
        case _:
            return f"({content.uri})"
