"""A council as a server of the Model Context Protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Any

from mcp import types
from mcp.server.lowlevel import Server

from metier.answer import Answer
from metier.bridges.asking import Asked, asked, conversation
from metier.council import Council
from metier.errors import InvalidInput, UnknownExpert
from metier.events import Answered, Event, PlanReady, StepDone, StepStarted
from metier.experts.card import Card

ASK = "ask"
# Where the card of a tool, and the answer of a call, are found in `_meta`.
CARD = "metier/card"
ANSWER = "metier/answer"
_EXAMPLES = 3

Asking = Callable[[Callable[[], Awaitable[Answer]]], Awaitable[Answer]]


def council_server(
    council: Council, *, experts: Sequence[str] | None = None
) -> Server[dict[str, Any], Any]:
    """A server with `ask`, which plans, and one tool for each expert, which does not.

    A call that carries a progress token is told of every step. A failure is a tool's error, with
    what to do about it. A client that cancels ends the run.

    Args:
        experts: the only experts that are offered, and that may be chosen.

    Raises:
        UnknownExpert: one is named that is not there.
        InvalidInput: one is called `ask`.
    """
    return server_of(council, experts=experts, asking=plainly)


async def plainly(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Await an answer, without limits."""
    return await ask()


def server_of(
    council: Council, *, experts: Sequence[str] | None, asking: Asking
) -> Server[dict[str, Any], Any]:
    """A server as of `council_server`, whose answers `asking` awaits."""
    cards = _cards(council, experts)
    tools = [_ask_tool(cards), *(_expert_tool(card) for card in cards.values())]
    server: Server[dict[str, Any], Any] = Server("metier", version=version("metier"))

    async def list_tools() -> list[types.Tool]:
        return tools

    async def call_tool(name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        who = _asked(council, cards, name, arguments)
        question, progress = str(arguments["question"]), _Progress(server)
        return _result(await asking(partial(_answered, who, question, progress)))

    # The decorators of mcp have no types.
    server.list_tools()(list_tools)  # pyrefly: ignore[no-matching-overload]
    server.call_tool()(call_tool)
    return server


class _Progress:
    """Tells whoever calls of a run's steps, where it asked to be told."""

    def __init__(self, server: Server[dict[str, Any], Any]) -> None:
        self._context = server.request_context
        self._total = 0
        self._done = 0

    async def tell(self, event: Event) -> None:
        """Tell of a step that began or ended."""
        if isinstance(event, PlanReady):
            self._total = 2 * len(event.plan.steps)
        if not isinstance(event, StepStarted | StepDone):
            return
        self._done += 1
        meta = self._context.meta
        if meta is None or meta.progressToken is None:
            return
        verb = "answers" if isinstance(event, StepStarted) else "is done"
        await self._context.session.send_progress_notification(
            meta.progressToken,
            self._done,
            total=self._total,
            message=f"{event.expert} {verb}: {event.task}",
            # Else it would not go out on the stream of this call, where there are several.
            related_request_id=str(self._context.request_id),
        )


async def _answered(who: Asked, question: str, progress: _Progress) -> Answer:
    async with aclosing(who.stream(conversation(question))) as events:
        async for event in events:
            await progress.tell(event)
            if isinstance(event, Answered):
                return event.answer
    raise AssertionError("a stream ends with Answered")


def _asked(council: Council, cards: dict[str, Card], name: str, arguments: dict[str, Any]) -> Asked:
    if name != ASK:
        if name not in cards:
            raise UnknownExpert(name, cards)
        return asked(name, council=council)
    # All of the council, unless told otherwise: with a choice, somebody has to be chosen.
    everybody = None if cards.keys() == council.registry.cards.keys() else tuple(cards)
    named = arguments.get("experts")
    return replace(asked(council), experts=tuple(named) if named else everybody)


def _cards(council: Council, experts: Sequence[str] | None) -> dict[str, Card]:
    cards = council.registry.cards
    for name in experts or ():
        if name not in cards:
            raise UnknownExpert(name, cards)
    found = {name: card for name, card in cards.items() if experts is None or name in experts}
    if ASK in found:
        raise InvalidInput(f"an expert is called {ASK!r}", hint="Give it another id")
    return found


def _ask_tool(cards: dict[str, Card]) -> types.Tool:
    listed = "\n".join(f"- {card.id}: {card.description}" for card in cards.values())
    named = {
        "type": "array",
        "items": {"enum": list(cards)},
        "description": "The only experts that may be chosen; leave it out to have it planned",
    }
    return types.Tool(
        name=ASK,
        description=f"Ask local experts; who answers which part is planned. They are:\n{listed}",
        inputSchema=_schema(experts=named),
    )


def _expert_tool(card: Card) -> types.Tool:
    examples = [text for capability in card.capabilities for text in capability.examples]
    lines = [card.description, *(f"- {each.description}" for each in card.capabilities)]
    lines += [f"For example: {text}" for text in examples[:_EXAMPLES]]
    return types.Tool(
        name=card.id,
        description="\n".join(lines),
        inputSchema=_schema(),
        _meta={CARD: card.model_dump(mode="json")},
    )


def _schema(**more: Any) -> dict[str, Any]:
    question = {
        "type": "string",
        "minLength": 1,
        "description": "The question, with all that is needed to answer it",
    }
    properties = {"question": question, **more}
    return {
        "type": "object",
        "properties": properties,
        "required": ["question"],
        "additionalProperties": False,
    }


def _result(answer: Answer) -> types.CallToolResult:
    # The text alone for the model; parts, sources and usage for the program around it.
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=answer.with_footer)],
        _meta={ANSWER: answer.model_dump(mode="json")},
    )
