"""The tools of a server of the Model Context Protocol as experts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from mcp import ClientSession, McpError, types

from metier.bridges.schemas import arguments_of
from metier.bridges.tools import Granularity, Tool, experts_of, text_of
from metier.errors import ExpertFailed, InvalidInput
from metier.experts.card import Card
from metier.experts.expert import Expert


async def from_session(
    session: ClientSession,
    *,
    source: str,
    granularity: Granularity = "function",
    cards: Mapping[str, Card] | None = None,
) -> list[Expert]:
    """The tools of a connected server as experts: one of each, or one with all as its skills.

    The session stays its owner's: the experts answer while it is open, in its event loop. What a
    server says of its tools becomes a card; connect to servers that you trust as you would a card.

    Args:
        session: initialised.
        source: the first part of the experts' ids.
        granularity: as in `metier.bridges.tools.experts_of`.
        cards: cards by the tool's name, or by `source` where there is one expert.

    Raises:
        InvalidInput: the server has no tool.
        InvalidCard: a card is given for something that is not there.
        ExpertFailed: the server cannot list its tools.
    """
    tools = [_tool(source, each, session) for each in await _listed(session, source)]
    if not tools:
        raise InvalidInput(f"the server {source!r} has no tool")
    return experts_of(source, tools, granularity=granularity, cards=cards)


async def _listed(session: ClientSession, source: str) -> list[types.Tool]:
    found: list[types.Tool] = []
    cursor: str | None = None
    try:
        while True:
            params = types.PaginatedRequestParams(cursor=cursor)
            page = await session.list_tools(params=params)
            found += page.tools
            if (cursor := page.nextCursor) is None:
                return found
    except McpError as exc:
        raise ExpertFailed(f"the server {source!r} did not list its tools: {exc}") from exc


def _tool(source: str, tool: types.Tool, session: ClientSession) -> Tool:
    shape, required = arguments_of(tool.inputSchema)
    return Tool(
        name=tool.name,
        description=tool.description or tool.title or "",
        call=partial(_call, session, source, tool.name),
        shape=shape,
        required=required,
    )


async def _call(session: ClientSession, source: str, name: str, /, **arguments: Any) -> Any:
    try:
        result = await session.call_tool(name, arguments)
    except McpError as exc:
        raise ExpertFailed(f"{source}.{name} was not called: {exc}") from exc
    text = "\n".join(_text(content) for content in result.content)
    if result.isError:
        raise ExpertFailed(f"{source}.{name} failed: {text}")
    return text or (text_of(result.structuredContent) if result.structuredContent else None)


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
