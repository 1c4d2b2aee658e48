"""Calls of tools in a reply, whichever way the model makes them.

A model with native calling has them read by the server. One without gets its tools in the prompt,
and the calls that it writes into its text are read here, the one place for every bridge.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from metier.models.call_checks import Said, checked, offered
from metier.models.server import ChatRequest, Chunk, ModelDetails, ToolCall, ToolSpec
from metier.models.written_calls import written_calls
from metier.plan import Message

# Their templates offer tools, so the server calls them capable, but what they write is not what
# its parser waits for.
_WRITE_TEXT = ("qwen2.5-coder",)
_OFFER = (
    "You can call these functions, given with the JSON schemas of their arguments:\n{tools}\n\n"
    "If one of them helps, reply with nothing but its call as JSON: "
    '{{"name": its name, "arguments": its arguments}}. Otherwise answer in words.'
)


class CallReader:
    """Reads the calls of one reply.

    Args:
        details: what the server knows of the model; not needed for a request without tools that
            does not think.

    Attributes:
        misfit: the tool of a call that was read, if its arguments did not fit.
    """

    def __init__(self, request: ChatRequest, details: ModelDetails | None) -> None:
        self._tools = request.tools
        self._messages = request.messages
        capabilities = details.capabilities if details else frozenset()
        self.can_think = "thinking" in capabilities
        self.needs_prompt = bool(request.tools) and "tools" not in capabilities
        self._reads = self.needs_prompt or (
            bool(request.tools) and _writes_text(request.model, details)
        )
        self._held: list[str] = []
        self._called = False
        self.misfit: ToolSpec | None = None

    def passed(self, chunk: Chunk) -> Chunk:
        """The chunk with its calls checked; text that may hold a call waits for the end."""
        if not self._tools:
            return chunk
        calls = tuple(each for each in map(self._offered, chunk.calls) if each)
        self._called = self._called or bool(calls)
        if not self._reads:
            return replace(chunk, calls=calls)
        self._held.append(chunk.text)
        if not chunk.done:
            return replace(chunk, text="", calls=calls)
        text = "".join(self._held)
        read, rest = ((), text) if self._called else self._read(text)
        return replace(chunk, text=rest, calls=(*calls, *read))

    def _offered(self, call: ToolCall) -> ToolCall | None:
        tool = offered(call.name, self._tools)
        return replace(call, name=tool.name) if tool else None

    def _read(self, text: str) -> tuple[tuple[ToolCall, ...], str]:
        """The calls of a whole text, and the words before them; the text itself if none is made."""
        written = written_calls(text)
        calls = [checked(each, self._tools) for each in written]
        if not written or None in calls:
            alone = len(written) == 1
            self.misfit = offered(written[0].name, self._tools) if alone else None
            return (), text
        said = Said.of(self._messages)
        made = tuple(call for call in calls if call and not said.quotes(call))
        if len(made) < len(calls):
            return (), text
        return made, _words_before(text[: written[0].start])

    def grammar(self) -> dict[str, Any]:
        """The JSON schema of a call of the tool whose arguments did not fit."""
        assert self.misfit is not None
        arguments = dict(self.misfit.schema) or {"type": "object"}
        return {
            "type": "object",
            "properties": {"name": {"const": self.misfit.name}, "arguments": arguments},
            "required": ["name", "arguments"],
        }

    def mended(self, first: Chunk, again: Sequence[Chunk]) -> Chunk:
        """The last chunk of a reply, with the call that came at the second attempt, if any."""
        calls, _ = self._read("".join(chunk.text for chunk in again))
        usage = first.usage + again[-1].usage
        text = "" if calls else first.text
        return replace(first, text=text, calls=calls or first.calls, usage=usage)


def prompted(request: ChatRequest) -> ChatRequest:
    """The request with its tools told in the first message, for a model whose template has none."""
    offer = Message(
        role="system", content=_OFFER.format(tools="\n".join(map(_told, request.tools)))
    )
    given = request.messages
    if not given or given[0].role != "system":
        return replace(request, messages=(offer, *given))
    joined = given[0].model_copy(update={"content": f"{given[0].content}\n\n{offer.content}"})
    return replace(request, messages=(joined, *given[1:]))


def _told(tool: ToolSpec) -> str:
    told = {"name": tool.name, "description": tool.description, "arguments": dict(tool.schema)}
    return json.dumps(told, ensure_ascii=False)


def _words_before(text: str) -> str:
    """What a model says before a call, without the fence or tag that the call opened."""
    return text.rstrip().removesuffix("<tool_call>").removesuffix("```json").rstrip("` \n[")


def _writes_text(model: str, details: ModelDetails | None) -> bool:
    """Whether a model is one of those, whatever name its weights have on the server."""
    info = details.info if details else {}
    names = (model, info.get("general.basename"), info.get("general.name"))
    spelt = [str(name).casefold().replace(" ", "-") for name in names]
    return any(kind in name for name in spelt for kind in _WRITE_TEXT)
