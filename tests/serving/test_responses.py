"""`/v1/responses` and `/v1/embeddings`, by OpenAI's own client in its strict mode."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import numpy as np
import openai
import pytest
from bridges.kitchen import council, models
from hypothesis import given
from openai.types.responses import ResponseFailedEvent, ResponseStreamEvent
from pydantic import TypeAdapter
from serving.running_server import served
from serving.runs_of_events import runs
from serving.test_forms import MODEL, answer_of, pieces_of, sent

from metier.answer import Answer
from metier.errors import ModelServerBusy
from metier.events import Answered, Event, Token
from metier.models.server import ChatRequest
from metier.runs.store import RunStore
from metier.serving.forms import dumped
from metier.serving.openai.response_events import ResponseForm
from metier.serving.openai.responses import ResponsesBody
from metier.testing import FixedEmbedder
from metier.testing.models import Reply

BREAD = "How long does bread bake?"
# A union of all types of events, each with its own `type`.
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


@contextmanager
def client(*, strict: bool = True, **replies: list[Reply]) -> Iterator[openai.OpenAI]:
    with (
        models(**replies) as server,
        served(council(server)) as url,
        openai.OpenAI(
            base_url=f"{url}/v1", api_key="x", _strict_response_validation=strict, max_retries=0
        ) as made,
    ):
        yield made


def form() -> ResponseForm:
    body = ResponsesBody(model="metier", input="What now?")
    return ResponseForm(name="resp_1", created=1, model=MODEL, body=body)


def text_of(response: Any) -> str:
    return "".join(
        part["text"]
        for item in response["output"]
        if item["type"] == "message"
        for part in item["content"]
    )


@given(runs)
def test_joined_deltas_are_the_answer(events: Sequence[Event]) -> None:
    told = sent(form(), pieces_of(events))
    deltas = [e["delta"] for e in told if e["type"] == "response.output_text.delta"]
    assert "".join(deltas) == answer_of(events).text
    assert text_of(told[-1]["response"]) == answer_of(events).text


@given(runs)
def test_events_are_numbered_and_every_item_that_is_opened_is_closed(
    events: Sequence[Event],
) -> None:
    told = sent(form(), pieces_of(events))
    kinds = [e["type"] for e in told]
    assert [e["sequence_number"] for e in told] == list(range(len(told)))
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.output_item.added") == kinds.count("response.output_item.done")
    assert kinds.count("response.output_item.added") == len(told[-1]["response"]["output"])


@given(runs)
def test_every_event_has_its_type_in_openais_client(events: Sequence[Event]) -> None:
    for sent_event in sent(form(), pieces_of(events)):
        assert EVENT.validate_python(sent_event).type == sent_event["type"]


@given(runs)
def test_a_response_in_one_object_is_the_last_event_of_the_stream(events: Sequence[Event]) -> None:
    pieces = pieces_of(events)
    last = sent(form(), pieces)[-1]["response"]
    assert json.loads(dumped(form().whole(pieces))) == last


def test_the_council_responds() -> None:
    with client(cooking=["Forty minutes."]) as made:
        response = made.responses.create(model="metier", input=BREAD, instructions="Be brief.")
    assert response.output_text == "Forty minutes."
    assert [item.type for item in response.output][:2] == ["reasoning", "message"]
    assert response.status == "completed"


def test_a_stream_of_typed_events_gives_the_same_response() -> None:
    with (
        client(cooking=["Forty minutes."]) as made,
        made.responses.stream(model="metier", input=[{"role": "user", "content": BREAD}]) as stream,
    ):
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert final.output_text == "Forty minutes."
    assert {"response.reasoning_summary_text.delta", "response.output_text.delta"} <= kinds


def test_a_long_response_is_incomplete() -> None:
    with client(cooking=["one two three four"]) as made:
        response = made.responses.create(model="cooking", input=BREAD, max_output_tokens=1)
    assert response.output_text == "one "
    assert (response.status, response.completed_at) == ("incomplete", None)
    statuses = {item.type: getattr(item, "status", None) for item in response.output}
    assert statuses["message"] == "incomplete"


def test_a_response_is_complete_when_its_run_has_ended() -> None:
    events = [Token(text="Forty.", answer=True, at=5.5)]
    answered = Answered(answer=Answer(question="?", text="Forty."), at=7.9)
    last = sent(form(), pieces_of([*events, answered]))[-1]["response"]
    assert (last["created_at"], last["completed_at"]) == (1, 7)
    assert {item["status"] for item in last["output"]} == {"completed"}


@pytest.mark.parametrize(
    "wanted",
    [
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_schema", "name": "time", "schema": {"type": "object"}, "strict": True},
    ],
)
def test_a_response_states_the_format_that_was_asked_for(wanted: Any) -> None:
    with client(cooking=["{}"]) as made:
        response = made.responses.create(model="cooking", input=BREAD, text={"format": wanted})
    assert response.text is not None
    assert response.text.format is not None
    assert response.text.format.to_dict() | wanted == response.text.format.to_dict()


@pytest.mark.parametrize("more", [{"previous_response_id": "resp_1"}, {"tool_choice": "required"}])
def test_what_cannot_be_kept_is_refused(more: dict[str, str]) -> None:
    with client() as made, pytest.raises(openai.BadRequestError) as caught:
        made.responses.create(model="metier", input=BREAD, extra_body=more)
    assert caught.value.param in more


@contextmanager
def keeping(folder: Path, **replies: list[Reply]) -> Iterator[tuple[openai.OpenAI, RunStore]]:
    """A client of a council that keeps its runs, and where it keeps them."""
    with (
        RunStore(folder / "runs.db") as store,
        models(**replies) as server,
        served(council(server, runs=store)) as url,
        openai.OpenAI(
            base_url=f"{url}/v1", api_key="x", _strict_response_validation=True, max_retries=0
        ) as made,
    ):
        yield made, store


def test_a_response_goes_on_from_an_earlier_one(tmp_path: Path) -> None:
    asked: list[ChatRequest] = []

    def forty(request: ChatRequest) -> str:
        asked.append(request)
        return "Forty minutes."

    with keeping(tmp_path, cooking=[forty, forty]) as (made, _):
        first = made.responses.create(model="cooking", input=BREAD, instructions="Be brief.")
        second = made.responses.create(
            model="cooking", input="And rye bread?", previous_response_id=first.id
        )
    said = [(turn.role, turn.content) for turn in asked[1].messages if turn.role != "system"]
    assert said[:2] == [("user", BREAD), ("assistant", "Forty minutes.")]
    assert "And rye bread?" in said[-1][1]
    assert not any("Be brief." in turn.content for turn in asked[1].messages)
    assert second.previous_response_id == first.id


def test_a_response_that_is_not_to_be_stored_is_not_kept(tmp_path: Path) -> None:
    with keeping(tmp_path, cooking=["Forty.", "Forty."]) as (made, store):
        first = made.responses.create(model="cooking", input=BREAD, store=False)
        made.chat.completions.create(
            model="cooking", messages=[{"role": "user", "content": BREAD}], store=False
        )
        with pytest.raises(openai.BadRequestError) as caught:
            made.responses.create(model="cooking", input=BREAD, previous_response_id=first.id)
        assert store.newest() == []
    assert caught.value.code == "previous_response_not_found"


def test_a_response_with_a_schema_is_kept_and_each_call_once(tmp_path: Path) -> None:
    text: Any = {"format": {"type": "json_schema", "name": "time", "schema": {"type": "object"}}}
    with keeping(tmp_path, cooking=['{"minutes": 40}', "Fifty."]) as (made, store):
        first = made.responses.create(model="cooking", input=BREAD, text=text)
        run = store.load(first.id.removeprefix("resp_"))
        made.responses.create(model="cooking", input="Rye?", previous_response_id=first.id)
    assert run.answer == '{"minutes": 40}'
    assert [each.kind for each in run.exchanges].count("chat") == 1


def test_the_beginning_of_an_id_names_no_response(tmp_path: Path) -> None:
    with keeping(tmp_path, cooking=["Forty."]) as (made, _):
        first = made.responses.create(model="cooking", input=BREAD)
        with pytest.raises(openai.BadRequestError):
            made.responses.create(model="cooking", input=BREAD, previous_response_id=first.id[:12])


def test_a_reply_names_its_run_so_that_it_can_be_rated(tmp_path: Path) -> None:
    with keeping(tmp_path, cooking=["Forty."]) as (made, store):
        reply = made.chat.completions.create(
            model="cooking", messages=[{"role": "user", "content": BREAD}]
        )
        run = (reply.model_extra or {})["metier"]["run"]
        url = f"{str(made.base_url).removesuffix('v1/')}metier/runs/{run}/rating"
        httpx.post(url, json={"verdict": "bad", "note": "too short"}).raise_for_status()
        (rating,) = store.load(run).ratings
    assert (rating.verdict, rating.note) == ("bad", "too short")


def test_an_error_after_the_plan_is_the_last_event() -> None:
    with client(cooking=[ModelServerBusy("its queue is full")]) as made:
        events = list(made.responses.create(model="cooking", input=BREAD, stream=True))
    last = events[-1]
    assert isinstance(last, ResponseFailedEvent)
    assert last.response.error is not None
    assert "its queue is full" in last.response.error.message


@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_texts_are_embedded_by_the_councils_embedder(encoding: Any) -> None:
    more = {} if encoding is None else {"encoding_format": encoding}
    # In its strict mode the client knows no vectors in base64, which it asks for by itself.
    with client(strict=encoding == "float") as made:
        reply = made.embeddings.create(model="metier", input=["bread", "wine"], **more)
    vectors = [each.embedding for each in reply.data]
    if encoding == "base64":
        assert all(isinstance(vector, str) for vector in vectors)
        return
    expected = anyio.run(FixedEmbedder().embed, ["bread", "wine"])
    assert np.allclose(vectors, expected)


def test_vectors_have_the_length_that_is_asked_for_or_are_refused() -> None:
    with client() as made:
        made.embeddings.create(
            model="metier", input="bread", dimensions=256, encoding_format="float"
        )
        with pytest.raises(openai.BadRequestError, match="256 dimensions, not 64") as caught:
            made.embeddings.create(model="metier", input="bread", dimensions=64)
    assert caught.value.param == "dimensions"


def test_an_empty_text_is_not_embedded() -> None:
    with client() as made, pytest.raises(openai.BadRequestError, match="is empty"):
        made.embeddings.create(model="metier", input=["bread", " "])
