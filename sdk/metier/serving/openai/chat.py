"""`/v1/chat/completions`: the request, and a reply in one object or in chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from metier.answer import Answer, Source
from metier.serving.failures import Failure, openai_error, refused
from metier.serving.formatted import ANY_OBJECT, Schema, checked_schema
from metier.serving.forms import SSE, Framing, Wire
from metier.serving.names import Served
from metier.serving.open_webui import finished, status_of
from metier.serving.openai.parts import Turn, read_turns
from metier.serving.pieces import End, Piece, Thought, Words
from metier.serving.questions import Question, Seed
from metier.serving.reading import Body

_MOST_STOPS = 16


class StreamOptions(Body):
    """Options of a stream."""

    include_usage: bool = False


class JsonSchema(Body):
    """A schema with a name."""

    name: str | None = None
    description: str | None = None
    strict: bool | None = None
    schema_: dict[str, object] | None = Field(None, alias="schema")


class ResponseFormat(JsonSchema):
    """The format of the reply; the schema is a field of it, or of `json_schema`."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @property
    def schema_of_reply(self) -> Schema | None:
        """The schema that the reply must follow; None for text."""
        if self.type == "text":
            return None
        return (self.json_schema or self).schema_ or ANY_OBJECT

    @property
    def stated(self) -> Wire:
        """The format as a response states it."""
        given = self.json_schema or self
        if self.type != "json_schema" or not given.schema_:
            return {"type": "text" if self.type == "text" else "json_object"}
        about = {"description": given.description, "strict": given.strict}
        named = {"type": "json_schema", "name": given.name or "reply", "schema": given.schema_}
        return named | about


class ChatBody(Body):
    """The body of a request."""

    model: str = Field(min_length=1)
    messages: list[Turn] = Field(min_length=1)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    stop: str | list[str] | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    n: int | None = None
    seed: Seed | None = None
    tool_choice: str | dict[str, object] | None = None
    store: bool | None = None
    response_format: ResponseFormat | None = None

    def question(self, model: Served) -> Question:
        """The question to the council.

        Raises:
            Refused: the request asks for something that metier cannot do.
        """
        self._refuse_what_cannot_be_kept()
        wanted = None if self.response_format is None else self.response_format.schema_of_reply
        messages, documents = read_turns(self.messages)
        return Question(
            model=model,
            messages=messages,
            documents=documents,
            stop=stops(self.stop),
            max_tokens=self.max_completion_tokens or self.max_tokens,
            schema=checked_schema(model, wanted, param="response_format"),
            keep=self.store is not False,
            seed=self.seed,
        )

    def _refuse_what_cannot_be_kept(self) -> None:
        if self.n not in (None, 1):
            raise refused("only one choice can be written: leave 'n' out", param="n")
        refuse_tools(self.tool_choice)


def refuse_tools(choice: str | dict[str, object] | None) -> None:
    """Refuse a request in which a tool must be called.

    Raises:
        Refused: one must.
    """
    if choice not in (None, "auto", "none"):
        raise refused(
            "metier calls no tools of the client: leave 'tool_choice' out, or set it to 'auto'",
            param="tool_choice",
        )


def stops(given: str | Sequence[str] | None) -> tuple[str, ...]:
    """The strings that end an answer.

    Raises:
        Refused: there are too many of them.
    """
    found = (given,) if isinstance(given, str) else tuple(given or ())
    if len(found) > _MOST_STOPS:
        raise refused(f"at most {_MOST_STOPS} strings can end an answer", param="stop")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatForm:
    """Writes chat completions.

    Attributes:
        created: seconds since the epoch.
        with_usage: whether a stream ends with the token counts.
        open_webui: whether to send Open WebUI's own events.
    """

    id: str
    created: int
    model: Served
    with_usage: bool = False
    open_webui: bool = False

    @property
    def framing(self) -> Framing:
        """Server-sent events."""
        return SSE

    def opening(self) -> Sequence[Wire]:
        """The chunk with the role."""
        return [self._chunk({"role": "assistant", "content": ""})]

    def chunks(self, piece: Piece) -> Sequence[Wire]:
        """The chunks of a piece; words and progress never share one."""
        match piece:
            case Words():
                return [self._chunk({"content": piece.text})]
            case Thought():
                beside = self._beside(piece) if self.open_webui else []
                return [self._chunk({"reasoning_content": piece.text}), *beside]
            case End():
                return self._last(piece)

    def closing(self) -> bytes:
        """The line that ends the stream."""
        return b"data: [DONE]\n\n"

    def whole(self, pieces: Sequence[Piece]) -> Wire:
        """A chat completion."""
        end = pieces[-1]
        assert isinstance(end, End)
        message: dict[str, object] = {
            "role": "assistant",
            "content": "".join(piece.text for piece in pieces if isinstance(piece, Words)),
            "refusal": None,
            "reasoning_content": "".join(
                piece.text for piece in pieces if isinstance(piece, Thought)
            ),
            "annotations": citations(end.answer),
        }
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": end.reason,
            "logprobs": None,
        }
        return self._envelope("chat.completion", [choice]) | {
            "usage": usage(end.answer),
            "metier": outcome(end),
        }

    def error(self, failure: Failure) -> Wire:
        """The error object."""
        return openai_error(failure)

    def _last(self, end: End) -> list[Wire]:
        found = citations(end.answer)
        cited = [self._chunk({"annotations": found})] if found else []
        last = self._chunk({}, end.reason) | {"metier": outcome(end)}
        cost = self._envelope("chat.completion.chunk", []) | {"usage": usage(end.answer)}
        done = [self._with_event(finished(end.answer))] if self.open_webui else []
        return [*cited, *done, last, *([cost] if self.with_usage else [])]

    def _beside(self, thought: Thought) -> list[Wire]:
        events = [] if thought.event is None else status_of(thought.event)
        return [self._with_event(event) for event in events]

    def _with_event(self, event: Wire) -> Wire:
        return self._envelope("chat.completion.chunk", []) | {"event": event}

    def _chunk(
        self, delta: Wire, finish_reason: Literal["stop", "length"] | None = None
    ) -> dict[str, object]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        chunk = self._envelope("chat.completion.chunk", [choice])
        return chunk | ({"usage": None} if self.with_usage else {})

    def _envelope(self, kind: str, choices: list[Wire]) -> dict[str, object]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model.name,
            "system_fingerprint": self.model.fingerprint,
            "choices": choices,
        }


def usage(answer: Answer) -> Wire:
    """The tokens of all calls for the answer."""
    used = answer.usage
    return {
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "total_tokens": used.prompt_tokens + used.completion_tokens,
    }


def citations(answer: Answer) -> list[Wire]:
    """The answer's sources as citations. A source that is no URL keeps its name as the title."""
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "url": source.name if source.name.startswith(("https://", "http://")) else "",
                "title": titled(source),
                "start_index": 0,
                "end_index": 0,
            },
        }
        for source in answer.sources
    ]


def titled(source: Source) -> str:
    """A source's name and the place in it."""
    return f"{source.name}, {source.place}" if source.place else source.name


def outcome(end: End) -> Wire:
    """The run, its experts, missing parts and notices, for which the protocol has no field."""
    answer = end.answer
    return {
        **({"run": end.run_id} if end.run_id else {}),
        "experts": list(dict.fromkeys(part.expert for part in answer.parts)),
        "missing": [
            {"expert": each.expert, "task": each.task, "code": each.code} for each in answer.missing
        ],
        "notices": list(answer.notices),
    }
