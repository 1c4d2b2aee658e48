"""`/v1/responses`: the request."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from anyio import to_thread
from pydantic import Field

from metier.errors import UnknownRun
from metier.runs.run import Run
from metier.runs.store import RunStore
from metier.serving.failures import refused
from metier.serving.formatted import checked_schema
from metier.serving.names import Served
from metier.serving.openai.chat import ResponseFormat, refuse_tools
from metier.serving.openai.parts import ContentPart, Turn, read_turns
from metier.serving.questions import Question
from metier.serving.reading import Body

# Before the id of the run.
PREFIX = "resp_"
_RESPONSE = re.compile(rf"{PREFIX}[0-9a-f]{{32}}")


class Item(Body):
    """An item of the input: a message, or the output of a tool."""

    type: str = "message"
    role: Literal["system", "developer", "user", "assistant"] | None = None
    content: str | list[ContentPart] | None = None
    output: str | list[ContentPart] | None = None


class TextSettings(Body):
    """How the text is wanted."""

    format: ResponseFormat | None = None


class ResponsesBody(Body):
    """The body of a request."""

    model: str = Field(min_length=1)
    input: str | list[Item]
    instructions: str | None = None
    stream: bool | None = False
    max_output_tokens: int | None = Field(None, ge=1)
    tool_choice: str | dict[str, object] | None = None
    previous_response_id: str | None = None
    store: bool | None = None
    text: TextSettings | None = None
    metadata: dict[str, str] | None = None

    def question(self, model: Served) -> Question:
        """The question to the council.

        Raises:
            Refused: the request asks for something that metier cannot do.
        """
        refuse_tools(self.tool_choice)
        wanted = self.text.format.schema_of_reply if self.text and self.text.format else None
        messages, documents = read_turns(self._turns())
        return Question(
            model=model,
            messages=messages,
            documents=documents,
            max_tokens=self.max_output_tokens,
            schema=checked_schema(model, wanted, param="text.format"),
            keep=self.store is not False,
        )

    def _turns(self) -> list[Turn]:
        before = [Turn(role="system", content=self.instructions)] if self.instructions else []
        if isinstance(self.input, str):
            return [*before, Turn(role="user", content=self.input)]
        return [*before, *(turn for item in self.input if (turn := _turn(item)) is not None)]


async def continued(question: Question, previous: str, store: RunStore | None) -> Question:
    """Put the conversation of an earlier response before a question.

    As in OpenAI's API, its instructions no longer apply.

    Args:
        previous: the id of the earlier response.

    Raises:
        Refused: that response is not kept.
    """
    run = None if store is None else await to_thread.run_sync(_kept, store, previous)
    if run is None or run.plan is None:
        raise refused(
            f"the response {previous[:80]!r} is not kept: send the conversation again in 'input'",
            code="previous_response_not_found",
            param="previous_response_id",
        )
    instructions = [turn for turn in question.messages if turn.role == "system"]
    said = [turn for turn in (*run.messages, *question.messages) if turn.role != "system"]
    return replace(
        question,
        messages=(*instructions, *said),
        documents=(*run.plan.documents, *question.documents),
    )


def _kept(store: RunStore, response: str) -> Run | None:
    # A store also takes the beginning of an id.
    if not _RESPONSE.fullmatch(response):
        return None
    try:
        return store.load(response.removeprefix(PREFIX))
    except UnknownRun:
        return None


def _turn(item: Item) -> Turn | None:
    """The item as a message; None for calls and reasoning, which say nothing to experts."""
    if item.type == "message":
        if item.role is None:
            raise refused("a message has no role", param="input")
        return Turn(role=item.role, content=item.content)
    if item.type == "function_call_output":
        return Turn(role="tool", content=item.output)
    return None
