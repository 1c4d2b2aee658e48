"""OpenAI's own client, which checks every field of every reply (`_strict_response_validation`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import openai
import pytest
from bridges.kitchen import council, models
from openai.types.chat import ChatCompletionMessageParam
from serving.running_server import served

from metier.errors import ModelServerBusy, ModelServerUnreachable
from metier.testing.models import Reply

BREAD = "How long does bread bake?"
BOTH = "How long does bread bake? Which wine goes with fish?"


@contextmanager
def client(**replies: list[Reply]) -> Iterator[openai.OpenAI]:
    with (
        models(**replies) as server,
        served(council(server)) as url,
        openai.OpenAI(
            base_url=f"{url}/v1", api_key="x", _strict_response_validation=True, max_retries=0
        ) as made,
    ):
        yield made


def said(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": text}]


def test_the_council_each_expert_and_each_strategy_is_a_model() -> None:
    with client() as made:
        names = [model.id for model in made.models.list()]
        one = made.models.retrieve("metier:vote")
    assert names[:4] == ["metier", "cooking", "wine", "general"]
    assert one.owned_by == "metier"
    assert "metier:vote" in names


def test_the_council_answers() -> None:
    with client(cooking=["Forty minutes."]) as made:
        reply = made.chat.completions.create(model="metier", messages=said(BREAD))
    choice = reply.choices[0]
    assert choice.message.content == "Forty minutes."
    assert choice.finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.total_tokens == 12


def test_an_expert_answers_without_planning() -> None:
    with client(wine=["Riesling."]) as made:
        reply = made.chat.completions.create(model="wine", messages=said(BREAD))
    assert reply.choices[0].message.content == "Riesling."


def test_a_strategy_asks_several_times() -> None:
    with client(cooking=["Forty minutes."] * 4) as made:
        reply = made.chat.completions.create(
            model="metier:vote", messages=said(BREAD), extra_body={"ignored": 1}
        )
    assert reply.choices[0].message.content == "Forty minutes."


def test_a_stream_shows_the_plan_and_then_the_words() -> None:
    with client(cooking=["Forty."], wine=["Riesling."]) as made:
        stream = made.chat.completions.create(
            model="metier",
            messages=said(BOTH),
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    thoughts = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    words = "".join(delta.content or "" for delta in deltas)
    assert "[1] cooking: How long does bread bake?" in thoughts
    assert "[2] wine: done" in thoughts
    assert "Forty." in words
    assert "Riesling." in words
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 20


def test_texts_before_the_last_one_are_documents() -> None:
    server = models(cooking=["Yes."])
    with (
        served(council(server)) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as made,
    ):
        parts = [{"type": "text", "text": "A recipe of bread."}, {"type": "text", "text": BREAD}]
        messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": parts}]  # pyrefly: ignore[bad-assignment]
        made.chat.completions.create(model="metier", messages=messages)
    asked = server.requests[0].messages[-1].content
    assert '<document name="text 1">\nA recipe of bread.\n</document>' in asked
    assert asked.endswith(BREAD)


def test_an_image_is_refused_and_says_why() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": [image]}]  # pyrefly: ignore[bad-assignment]
    with client() as made, pytest.raises(openai.BadRequestError, match="reads text"):
        made.chat.completions.create(model="metier", messages=messages)


def test_a_stop_string_and_a_length_cut_the_answer() -> None:
    with client(cooking=["one two three four"] * 2) as made:
        stopped = made.chat.completions.create(
            model="cooking", messages=said(BREAD), stop=[" three"]
        )
        short = made.chat.completions.create(model="cooking", messages=said(BREAD), max_tokens=1)
    assert stopped.choices[0].message.content == "one two"
    assert stopped.choices[0].finish_reason == "stop"
    assert short.choices[0].message.content == "one "
    assert short.choices[0].finish_reason == "length"


def test_an_unknown_model_is_not_found() -> None:
    with client() as made, pytest.raises(openai.NotFoundError, match="nearest: 'cooking'"):
        made.chat.completions.create(model="coking", messages=said(BREAD))


def test_a_question_without_words_is_refused() -> None:
    with client() as made, pytest.raises(openai.BadRequestError, match="user's question"):
        made.chat.completions.create(model="metier", messages=said("  "))


@pytest.mark.parametrize("stream", [False, True])
def test_a_busy_server_is_an_error_that_may_be_retried(stream: bool) -> None:
    with (
        client(cooking=[ModelServerBusy("its queue is full")]) as made,
        pytest.raises(openai.APIError, match="its queue is full") as caught,
    ):
        list(made.chat.completions.create(model="cooking", messages=said(BREAD), stream=stream))
    if not stream:
        assert isinstance(caught.value, openai.InternalServerError)
        assert caught.value.response.headers["retry-after"] == "2"


def test_a_failed_answer_is_not_asked_for_again() -> None:
    down = ModelServerUnreachable("http://127.0.0.1:1")
    with (
        models(cooking=[down]) as server,
        served(council(server)) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=3) as made,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        made.chat.completions.create(model="cooking", messages=said(BREAD))
    assert caught.value.status_code == 502
    assert len(server.requests) == 1


def test_an_experts_model_keeps_to_a_schema() -> None:
    minutes = {"type": "integer"}
    schema: dict[str, object] = {"type": "object", "properties": {"minutes": minutes}}
    with (
        models(cooking=['{"minutes": 40}']) as server,
        served(council(server)) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as made,
    ):
        reply = made.chat.completions.create(
            model="cooking",
            messages=said(BREAD),
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "time", "schema": schema},
            },
        )
    assert reply.choices[0].message.content == '{"minutes": 40}'
    assert server.requests[0].sampling.schema == schema


@pytest.mark.parametrize("model", ["metier", "cooking"])
def test_each_sample_is_drawn_with_the_clients_seed(model: str) -> None:
    with (
        models(cooking=["Forty minutes."]) as server,
        served(council(server)) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as made,
    ):
        made.chat.completions.create(model=model, messages=said(BREAD), seed=7)
    assert server.requests[0].sampling.seed == 7


def test_a_council_cannot_keep_to_a_schema_and_says_who_can() -> None:
    with client() as made, pytest.raises(openai.BadRequestError, match="ask one expert"):
        made.chat.completions.create(
            model="metier", messages=said(BREAD), response_format={"type": "json_object"}
        )
