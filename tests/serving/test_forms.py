"""Whatever happens in a run: what is joined from a stream is the answer, in every protocol."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import httpx
from hypothesis import given
from hypothesis import strategies as st
from ollama import ChatResponse, GenerateResponse
from openai.types.chat import ChatCompletionChunk
from serving.runs_of_events import runs

from metier.answer import Answer
from metier.events import Answered, Event
from metier.serving.forms import NDJSON, SSE, Form, Wire, dumped
from metier.serving.names import Served
from metier.serving.ollama.chat import OllamaForm
from metier.serving.openai.chat import ChatForm
from metier.serving.page.streaming import EventForm, EventPieces
from metier.serving.pieces import Piece, Telling, Words

MODEL = Served(name="metier", description="all", digest="0" * 64)
OPENAI = ChatForm(id="chatcmpl-1", created=1, model=MODEL, with_usage=True)
CHAT = OllamaForm(created="2026-01-01T00:00:00Z", model="metier", key="message")
GENERATE = OllamaForm(created="2026-01-01T00:00:00Z", model="metier", key="response")


def pieces_of(events: Sequence[Event]) -> list[Piece]:
    telling = Telling()
    return [piece for event in events for piece in telling.take(event)]


def sent(form: Form, pieces: Sequence[Piece]) -> list[Any]:
    """The objects of a stream, as a client reads them."""
    wires: list[Wire] = [*form.opening(), *(w for piece in pieces for w in form.chunks(piece))]
    return [json.loads(dumped(wire)) for wire in wires]


def answer_of(events: Sequence[Event]) -> Answer:
    last = events[-1]
    assert isinstance(last, Answered)
    return last.answer


def deltas(chunks: Sequence[Any], key: str) -> str:
    return "".join(
        choice["delta"].get(key) or "" for chunk in chunks for choice in chunk["choices"]
    )


@given(runs)
def test_joined_content_of_openai_is_the_answer(events: Sequence[Event]) -> None:
    chunks = sent(OPENAI, pieces_of(events))
    assert deltas(chunks, "content") == answer_of(events).text


@given(runs)
def test_joined_content_of_ollama_is_the_answer(events: Sequence[Event]) -> None:
    pieces = pieces_of(events)
    chat = "".join(line["message"]["content"] for line in sent(CHAT, pieces))
    generated = "".join(line["response"] for line in sent(GENERATE, pieces))
    assert chat == generated == answer_of(events).text


@given(runs)
def test_joined_words_of_the_page_are_the_answer(events: Sequence[Event]) -> None:
    telling = EventPieces()
    pieces = [piece for event in events for piece in telling.take(event)]
    told = sent(EventForm(), pieces)
    words = [each["text"] for each in told if each["type"] == "token" and each["answer"]]
    assert "".join(words) == told[-1]["answer"]["text"] == answer_of(events).text


@given(runs)
def test_a_reply_in_one_object_is_the_stream_joined(events: Sequence[Event]) -> None:
    pieces = pieces_of(events)
    chunks = sent(OPENAI, pieces)
    whole = json.loads(dumped(OPENAI.whole(pieces)))
    message = whole["choices"][0]["message"]
    assert message["content"] == deltas(chunks, "content")
    assert message["reasoning_content"] == deltas(chunks, "reasoning_content")
    assert whole["usage"] == chunks[-1]["usage"]


@given(runs)
def test_no_chunk_holds_both_words_and_progress(events: Sequence[Event]) -> None:
    chunks = sent(OPENAI, pieces_of(events))
    both = [
        c for c in chunks if c["choices"] and len(c["choices"][0]["delta"].keys() - {"role"}) > 1
    ]
    assert both == []


@given(runs)
def test_a_stream_begins_with_the_role_and_ends_with_reason_and_usage(
    events: Sequence[Event],
) -> None:
    first, *_, last, cost = sent(OPENAI, pieces_of(events))
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert last["choices"][0]["finish_reason"] == "stop"
    assert cost["choices"] == []
    assert cost["usage"]["prompt_tokens"] == answer_of(events).usage.prompt_tokens


@given(runs)
def test_every_chunk_is_one_of_openais_client(events: Sequence[Event]) -> None:
    for chunk in sent(OPENAI, pieces_of(events)):
        ChatCompletionChunk.model_validate(chunk)


@given(runs)
def test_every_line_is_a_reply_of_ollamas_client(events: Sequence[Event]) -> None:
    pieces = pieces_of(events)
    for line in sent(CHAT, pieces):
        ChatResponse.model_validate(line)
    for line in sent(GENERATE, pieces):
        GenerateResponse.model_validate(line)


@given(runs)
def test_only_the_last_line_of_ollama_is_done(events: Sequence[Event]) -> None:
    lines = sent(CHAT, pieces_of(events))
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]


@given(runs)
def test_a_client_that_wants_no_thinking_gets_none(events: Sequence[Event]) -> None:
    form = OllamaForm(created="", model="metier", thinking=False)
    pieces = pieces_of(events)
    assert all("thinking" not in line["message"] for line in sent(form, pieces))


@given(st.lists(st.text('a\\"\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029'), min_size=1))
def test_a_line_of_a_stream_is_a_line_to_httpx_whatever_the_words(words: Sequence[str]) -> None:
    wires = [wire for text in words for wire in CHAT.chunks(Words(text))]
    for framing in (NDJSON, SSE):
        content = b"".join(map(framing.line, wires))
        lines = [line for line in httpx.Response(200, content=content).iter_lines() if line]
        assert [json.loads(line.removeprefix("data: ")) for line in lines] == wires


@given(runs, st.sampled_from(["stop", "length"]))
def test_an_answer_that_was_cut_says_why(
    events: Sequence[Event], cut: Literal["stop", "length"]
) -> None:
    last = Answered(answer=answer_of(events), cut=cut)
    pieces = pieces_of([*events[:-1], last])
    reasons = [c["choices"][0]["finish_reason"] for c in sent(OPENAI, pieces) if c["choices"]]
    assert reasons[-1] == sent(CHAT, pieces)[-1]["done_reason"] == cut
