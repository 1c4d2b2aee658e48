"""Values of Semantic Kernel as values of metier, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from semantic_kernel.connectors.ai.completion_usage import CompletionUsage
from semantic_kernel.contents import AuthorRole, ChatMessageContent
from semantic_kernel.contents.binary_content import BinaryContent
from semantic_kernel.contents.function_result_content import FunctionResultContent
from semantic_kernel.contents.kernel_content import KernelContent
from semantic_kernel.functions import FunctionResult

from metier.answer import Answer
from metier.experts.expert import delimited
from metier.plan import Message

_ROLES: dict[AuthorRole, Literal["system", "user", "assistant"]] = {
    AuthorRole.SYSTEM: "system",
    AuthorRole.DEVELOPER: "system",
    AuthorRole.USER: "user",
    AuthorRole.ASSISTANT: "assistant",
    # What a function returned is no assistant's word; it is data, between tags.
    AuthorRole.TOOL: "user",
}


def messages_of(
    history: Iterable[ChatMessageContent], *, instructions: str | None = None
) -> tuple[Message, ...]:
    """A chat history as the conversation that a council is asked.

    The last message is the question, whoever wrote it: in an orchestration that is often another
    agent. Messages without words, such as calls of functions, are left out.
    """
    system = [Message(role="system", content=instructions)] if instructions else []
    said = [
        Message(role=_ROLES[message.role], content=text)
        for message in history
        if (text := _words(message)).strip()
    ]
    if said and said[-1].role == "assistant":
        said[-1] = Message(role="user", content=said[-1].content)
    return (*system, *said)


def metadata_of(answer: Answer) -> dict[str, Any]:
    """What travels with an answer: the answer itself, and its usage where telemetry looks."""
    usage = CompletionUsage(
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
    )
    return {"answer": answer, "usage": usage}


def value_of(result: FunctionResult | None) -> object:
    """What a function returned, its contents as text, other values as they are.

    `str(result)` would be empty for 0 and False, and the last value alone for a dict.
    """
    value = result.value if result is not None else None
    if isinstance(value, KernelContent):
        return _text(value)
    if isinstance(value, list) and value and all(isinstance(each, KernelContent) for each in value):
        return "\n".join(_text(each) for each in value)
    return value


def _words(message: ChatMessageContent) -> str:
    results = [item for item in message.items if isinstance(item, FunctionResultContent)]
    if not results:
        return message.content
    return "\n".join(delimited("result", _text(item), function=item.name or "") for item in results)


def _text(content: KernelContent) -> str:
    if isinstance(content, BinaryContent):
        return f"({content.mime_type}, {len(content.data)} bytes)"
    return str(content)
