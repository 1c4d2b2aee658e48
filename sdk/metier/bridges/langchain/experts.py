"""Anything that LangChain can run as experts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from langchain_core.language_models import BaseLanguageModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import BaseModel

from metier.bridges.schemas import arguments_of
from metier.bridges.tools import ForeignTool, Granularity, experts_of, text_of
from metier.experts.card import Card
from metier.experts.expert import Context, Expert, Task, messages_for
from metier.models.control import without_control_tokens

MakeInput = Callable[[Task], Any]


def from_runnable(
    runnable: Runnable[Any, Any], card: Card, *, make_input: MakeInput | None = None
) -> Expert:
    """A chain, a model or an agent as an expert. Words stream as it gives them.

    Args:
        card: what it is for; a `Runnable` does not say so itself.
        make_input: what it is given for a task. If not given: the card's prompt and the task as
            messages for a language model, else the text of the task.
    """
    return _RunnableExpert(runnable, card, make_input)


def from_tools(
    tools: Sequence[BaseTool],
    *,
    source: str = "tools",
    granularity: Granularity = "function",
    cards: Mapping[str, Card] | None = None,
) -> list[Expert]:
    """LangChain's tools as experts: one of each, or one with all as its tools.

    Args:
        source: the first part of the experts' ids.
        granularity: as in `metier.bridges.tools.experts_of`.
        cards: cards by the tool's name, or by `source` where there is one expert.

    Raises:
        InvalidCard: a card is given for something that is not there.
    """
    made = [_tool(tool) for tool in tools]
    return experts_of(source, made, granularity=granularity, cards=cards)


class _RunnableExpert(Expert):
    def __init__(
        self, runnable: Runnable[Any, Any], card: Card, make_input: MakeInput | None
    ) -> None:
        super().__init__(card)
        self._runnable = runnable
        self._make_input = make_input or self._usual_input

    async def answer(self, task: Task, context: Context) -> AsyncIterator[str]:
        """What the runnable gives: words as they come, anything else when it is complete."""
        whole: Any = None
        # LangChain types a stream as an iterator; every implementation is a generator.
        stream: Any = self._runnable.astream(self._make_input(task))
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                match piece:
                    case str():
                        yield piece
                    case BaseMessage():
                        yield str(piece.text)
                    case _:
                        whole = piece if whole is None else _joined(whole, piece)
        if whole is not None:
            yield text_of(whole)

    def _usual_input(self, task: Task) -> Any:
        if not isinstance(self._runnable, BaseLanguageModel):
            return task.text
        asked = messages_for(self.card, task)
        return [(each.role, without_control_tokens(each.content)) for each in asked]


def _joined(whole: Any, piece: Any) -> Any:
    try:
        return whole + piece
    except TypeError:  # not pieces of one thing: the last is the result
        return piece


def _tool(tool: BaseTool) -> ForeignTool:
    given = tool.tool_call_schema
    schema = given if isinstance(given, dict) else _schema(given)
    shape, required = arguments_of(schema)
    return ForeignTool(
        name=tool.name,
        description=tool.description,
        call=partial(_call, tool),
        shape=shape,
        required=required,
    )


async def _call(tool: BaseTool, **arguments: Any) -> Any:
    return await tool.ainvoke(arguments)


def _schema(model: Any) -> dict[str, Any]:
    # A tool may still describe itself with pydantic 1.
    return model.model_json_schema() if issubclass(model, BaseModel) else model.schema()
