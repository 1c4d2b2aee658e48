"""`/v1/responses`: the request."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from metier.serving.failures import refused
from metier.serving.names import Served
from metier.serving.openai.chat import ResponseFormat
from metier.serving.openai.parts import ContentPart, Turn, read_turns
from metier.serving.questions import Question
from metier.serving.reading import Body


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
    """What is read of a request."""

    model: str = Field(min_length=1)
    input: str | list[Item]
    instructions: str | None = None
    stream: bool | None = False
    max_output_tokens: int | None = Field(None, ge=1)
    tool_choice: str | dict[str, object] | None = None
    previous_response_id: str | None = None
    text: TextSettings | None = None
    metadata: dict[str, str] | None = None

    def question(self, model: Served) -> Question:
        """The question to the council.

        Raises:
            Refused: something is asked for that cannot be kept.
        """
        self._refuse_what_cannot_be_kept()
        messages, documents = read_turns(self._turns())
        return Question(
            model=model,
            messages=messages,
            documents=documents,
            max_tokens=self.max_output_tokens,
        )

    def _turns(self) -> list[Turn]:
        before = [Turn(role="system", content=self.instructions)] if self.instructions else []
        if isinstance(self.input, str):
            return [*before, Turn(role="user", content=self.input)]
        return [*before, *(turn for item in self.input if (turn := _turn(item)) is not None)]

    def _refuse_what_cannot_be_kept(self) -> None:
        if self.previous_response_id is not None:
            raise refused(
                "responses are not kept: send the conversation again in 'input'",
                param="previous_response_id",
            )
        if self.tool_choice not in (None, "auto", "none"):
            raise refused(
                "the experts call no tools of the client: leave 'tool_choice' out, or 'auto'",
                param="tool_choice",
            )
        wanted = self.text.format.type if self.text and self.text.format else "text"
        if wanted != "text":
            raise refused(
                f"{self.model[:200]!r} does not support the format {wanted[:40]!r}",
                param="text.format",
            )


def _turn(item: Item) -> Turn | None:
    """The item as a message; None for calls and reasoning, which say nothing to experts."""
    if item.type == "message":
        if item.role is None:
            raise refused("a message has no role", param="input")
        return Turn(role=item.role, content=item.content)
    if item.type == "function_call_output":
        return Turn(role="tool", content=item.output)
    return None
