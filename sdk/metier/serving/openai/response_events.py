"""`/v1/responses`: the reply, as one object or as typed events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from metier.answer import Answer
from metier.events import Event as Happened
from metier.serving.failures import Failure, openai_error
from metier.serving.forms import SSE, Framing, Wire
from metier.serving.names import Served
from metier.serving.openai.chat import outcome, titled
from metier.serving.openai.response_items import Answering, Event, Item, Reasoning
from metier.serving.openai.responses import PREFIX, ResponsesBody
from metier.serving.pieces import End, Piece, Thought, Words

_NAMED = replace(SSE, named=True)


class ResponseForm:
    """Writes one response. It counts its events, so each reply needs its own.

    The progress before the words is an item, the words are one, and the progress after them.

    Args:
        name: its id.
        created: seconds since the epoch.
        kept: whether a later response can go on from it.
    """

    def __init__(
        self, *, name: str, created: int, model: Served, body: ResponsesBody, kept: bool = False
    ) -> None:
        self._id = name
        self._kept = kept
        self._created = created
        self._model = model
        self._body = body
        self._sequence = 0
        self._output: list[Event] = []
        self._open: Item | None = None
        self._late: list[str] = []
        self._begun = False

    async def named(self, events: AsyncGenerator[Happened, None]) -> AsyncGenerator[Happened, None]:
        """The events of a run, whose id becomes a part of the response's."""
        async with aclosing(events):
            async for event in events:
                self._id = f"{PREFIX}{event.run_id}"
                yield event

    @property
    def framing(self) -> Framing:
        """Server-sent events with a name."""
        return _NAMED

    def opening(self) -> Sequence[Wire]:
        """The response, with nothing in it."""
        self._begun = True
        return [
            self._event("response.created", response=self._response("in_progress")),
            self._event("response.in_progress", response=self._response("in_progress")),
        ]

    def chunks(self, piece: Piece) -> Sequence[Wire]:
        """The events of a piece."""
        match piece:
            case Words():
                return [*self._opened(Answering), *self._delta(piece.text)]
            case Thought():
                if isinstance(self._open, Answering):
                    self._late.append(piece.text)
                    return []
                return [*self._opened(Reasoning), *self._delta(piece.text)]
            case End():
                return self._end(piece)

    def closing(self) -> bytes:
        """The line that ends the stream."""
        return b"data: [DONE]\n\n"

    def whole(self, pieces: Sequence[Piece]) -> Wire:
        """The response as one object."""
        for piece in pieces:
            self.chunks(piece)
        end = pieces[-1]
        assert isinstance(end, End)
        return self._finished(end)

    def error(self, failure: Failure) -> Wire:
        """The error object; within a stream, the event that the response has failed."""
        if not self._begun:
            return openai_error(failure)
        # The schema allows a few codes alone.
        code = "rate_limit_exceeded" if failure.retry else "server_error"
        error: Event = {"code": code, "message": failure.message}
        return self._event("response.failed", response=self._response("failed", error=error))

    def _opened(self, kind: type[Answering | Reasoning]) -> list[Event]:
        """An open item of this kind; the one before it ends."""
        if isinstance(self._open, kind):
            return []
        closed = self._closed(())
        self._open = item = kind(f"{kind.prefix}_{self._id}_{len(self._output)}")
        return [*closed, *self._numbered(item.begin())]

    def _delta(self, text: str) -> list[Event]:
        assert self._open is not None
        return self._numbered([self._open.add(text)])

    def _closed(self, sources: Sequence[Event], *, cut: bool = False) -> list[Event]:
        if self._open is None:
            return []
        events = self._numbered(self._open.end(sources, cut=cut))
        self._output.append(self._open.item())
        self._open = None
        return events

    def _end(self, end: End) -> list[Event]:
        cut = end.reason != "stop"
        sources = _citations(end.answer)
        events = [*self._opened(Answering), *self._closed(sources, cut=cut)]
        if late := "".join(self._late):
            events += [*self._opened(Reasoning), *self._delta(late), *self._closed(())]
        kind = "response.incomplete" if cut else "response.completed"
        return [*events, self._event(kind, response=self._finished(end))]

    def _finished(self, end: End) -> Event:
        status = "completed" if end.reason == "stop" else "incomplete"
        return self._response(status, end=end)

    def _numbered(self, events: Sequence[Event]) -> list[Event]:
        """The events with their place in the output and in the stream."""
        index = len(self._output)
        return [self._event(str(e["type"]), **{**e, "output_index": index}) for e in events]

    def _event(self, kind: str, **fields: object) -> Event:
        self._sequence += 1
        return {**fields, "type": kind, "sequence_number": self._sequence - 1}

    def _response(
        self, status: str, *, end: End | None = None, error: Event | None = None
    ) -> Event:
        incomplete = {"reason": "max_output_tokens"} if status == "incomplete" else None
        known = {} if end is None else {"usage": _usage(end.answer), "metier": outcome(end)}
        return {
            **_UNUSED,
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "completed_at": _ended(end, self._created) if status == "completed" else None,
            "status": status,
            "error": error,
            "incomplete_details": incomplete,
            "instructions": self._body.instructions,
            "max_output_tokens": self._body.max_output_tokens,
            "metadata": self._body.metadata or {},
            "model": self._model.name,
            "output": list(self._output),
            "store": self._kept,
            "text": {"format": _format(self._body)},
            "previous_response_id": self._body.previous_response_id,
            "usage": None,
            **known,
        }


# What the schema requires and a council does not use.
_UNUSED: Event = {
    "background": False,
    "frequency_penalty": 0.0,
    "max_tool_calls": None,
    "parallel_tool_calls": False,
    "presence_penalty": 0.0,
    "prompt_cache_key": None,
    "reasoning": None,
    "safety_identifier": None,
    "service_tier": "default",
    "temperature": 0.0,
    "tool_choice": "none",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
}


def _ended(end: End | None, created: int) -> int:
    """When a response was complete, in seconds since the epoch; at once if no run was needed."""
    return max(created, int(end.at)) if end is not None else created


def _format(body: ResponsesBody) -> Wire:
    """The format that the text has."""
    wanted = body.text.format if body.text is not None else None
    return {"type": "text"} if wanted is None else wanted.stated


def _citations(answer: Answer) -> list[Event]:
    return [
        {
            "type": "url_citation",
            "url": source.name if source.name.startswith(("https://", "http://")) else "",
            "title": titled(source),
            "start_index": 0,
            "end_index": 0,
        }
        for source in answer.sources
    ]


def _usage(answer: Answer) -> Event:
    used = answer.usage
    return {
        "input_tokens": used.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": used.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": used.prompt_tokens + used.completion_tokens,
    }
