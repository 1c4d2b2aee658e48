"""Bodies that nobody should send: each gets a 4xx in the protocol's own form, and no details."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from bridges.kitchen import models
from serving.asgi import app, caller

from metier.serving import ServingLimits

pytestmark = pytest.mark.anyio

SMALL = ServingLimits(body_bytes=20_000, messages=20)


def chat(**given: Any) -> bytes:
    body = {"model": "metier", "messages": [{"role": "user", "content": "Bread?"}]} | given
    return json.dumps(body).encode()


def turn(content: Any, role: str = "user") -> list[dict[str, Any]]:
    return [{"role": role, "content": content}]


# Refused by both protocols.
BAD: dict[str, bytes] = {
    "nothing": b"",
    "a space": b" ",
    "no JSON": b"hello",
    "half of it": chat()[:-1],
    "two objects": chat() + chat(),
    "not UTF-8": b'{"model": "\xff\xfe"}',
    "a lone surrogate": chat(messages=turn("\ud800")),
    "UTF-16": chat().decode().encode("utf-16"),
    "a list": b"[]",
    "a string": b'"metier"',
    "a number": b"1",
    "null": b"null",
    "deeply nested": b'{"messages": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "no model": b'{"messages": [{"role": "user", "content": "Bread?"}]}',
    "an empty model": chat(model=""),
    "a model that is a number": chat(model=1),
    "a model that is an object": chat(model={"name": "metier"}),
    "an unknown model": chat(model="gpt-4"),
    "a model with a path": chat(model="../../etc/passwd"),
    "a very long model": chat(model="m" * 10_000),
    "messages that are a text": chat(messages="Bread?"),
    "messages that are an object": chat(messages={"role": "user"}),
    "a message that is a text": chat(messages=["Bread?"]),
    "a message without a role": chat(messages=[{"content": "Bread?"}]),
    "an unknown role": chat(messages=turn("Bread?", "king")),
    "a role that is null": chat(messages=[{"role": None, "content": "Bread?"}]),
    "content that is a number": chat(messages=turn(12)),
    "content that is an object": chat(messages=turn({"text": "Bread?"})),
    "no words": chat(messages=turn(" \n ")),
    "the model's turn last": chat(messages=turn("Bread?") + turn("Yes.", "assistant")),
    "only a system prompt": chat(messages=turn("Be brief.", "system")),
    "too many messages": chat(messages=turn("Bread?") * 21),
    "too large": chat(messages=turn("Bread? " * 10_000)),
    "stream that is a text": chat(stream="maybe"),
}
# Refused by OpenAI's alone.
BAD_OPENAI: dict[str, bytes] = {
    "no messages": b'{"model": "metier"}',
    "an empty list of messages": chat(messages=[]),
    "an image": chat(messages=turn([{"type": "image_url", "image_url": {"url": "x"}}])),
    "a sound": chat(messages=turn([{"type": "input_audio", "input_audio": {}}])),
    "a part without a type": chat(messages=turn([{"text": "Bread?"}])),
    "a file that is not base64": chat(
        messages=turn([{"type": "file", "file": {"file_data": "%%%"}}])
    ),
    "a file that is not text": chat(
        messages=turn([{"type": "file", "file": {"file_data": "/9j/4AAQ"}}])
    ),
    "a file by its id": chat(messages=turn([{"type": "file", "file": {"file_id": "f-1"}}])),
    "a negative length": chat(max_tokens=-1),
    "a length that is a text": chat(max_tokens="all"),
    "two choices": chat(n=2),
    "a tool that must be called": chat(tool_choice="required"),
    "a schema for the council": chat(response_format={"type": "json_object"}),
    "too many stop strings": chat(stop=["x"] * 17),
    "stop that is a number": chat(stop=1),
}
BAD_OLLAMA: dict[str, bytes] = {
    "an image": chat(messages=[{"role": "user", "content": "Bread?", "images": ["AAAA"]}]),
    "a schema for the council": chat(format="json"),
    "options that are a list": chat(options=[1]),
}


@pytest.mark.parametrize("body", [*BAD.values(), *BAD_OPENAI.values()], ids=[*BAD, *BAD_OPENAI])
async def test_openai_refuses_it_in_its_form(body: bytes) -> None:
    async with caller(app(limits=SMALL)) as client:
        reply = await client.post("/v1/chat/completions", content=body)
    error = reply.json()["error"]
    assert 400 <= reply.status_code < 500
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"]
    _has_no_details(error["message"])


@pytest.mark.parametrize("body", [*BAD.values(), *BAD_OLLAMA.values()], ids=[*BAD, *BAD_OLLAMA])
async def test_ollama_refuses_it_in_its_form(body: bytes) -> None:
    async with caller(app(limits=SMALL)) as client:
        reply = await client.post("/api/chat", content=body)
    assert 400 <= reply.status_code < 500
    assert reply.json().keys() == {"error"}
    _has_no_details(reply.json()["error"])


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (
            "/v1/embeddings",
            {"model": "metier", "input": []},
            "input: Input should be a valid string; or: List should have at least 1 item after "
            "validation, not 0",
        ),
        (
            "/v1/chat/completions",
            {"model": "metier", "messages": [{"role": "user", "content": [{"text": "Bread?"}]}]},
            "messages.0.content: Input should be a valid string; or: 0.type: Field required",
        ),
    ],
    ids=["a list that is too short", "a part without a type"],
)
async def test_an_error_names_the_field_and_all_that_it_may_be(
    path: str, body: dict[str, object], message: str
) -> None:
    async with caller(app()) as client:
        error = (await client.post(path, json=body)).json()["error"]
    assert error["message"] == message
    assert error["param"] == message.partition(":")[0]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/chat", {"messages": None}),
        ("/api/generate", {"prompt": None}),
        ("/api/show", {"name": None}),
    ],
)
async def test_what_is_null_is_left_out_to_ollama(path: str, body: dict[str, object]) -> None:
    async with caller(app()) as client:
        reply = await client.post(path, json={"model": "metier"} | body)
    assert reply.status_code == 200


async def test_a_message_without_words_is_dropped_by_ollamas_protocol() -> None:
    called = {"role": "assistant", "content": None, "tool_calls": []}
    asked = {"role": "user", "content": "Bread?"}
    body = {"model": "cooking", "messages": [called, asked], "stream": False}
    async with caller(app(models(cooking=["Forty."]))) as client:
        reply = await client.post("/api/chat", json=body)
    assert reply.json()["message"]["content"] == "Forty."


@pytest.mark.parametrize("tokens", [[1, 2], [[1, 2], [3]]])
async def test_tokens_are_not_embedded_and_it_says_what_to_do(tokens: list[Any]) -> None:
    async with caller(app()) as client:
        reply = await client.post("/v1/embeddings", json={"model": "metier", "input": tokens})
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "input"
    assert "check_embedding_ctx_length=False" in reply.json()["error"]["message"]


async def test_a_model_must_be_named_to_be_shown() -> None:
    async with caller(app()) as client:
        reply = await client.post("/api/show", json={})
    assert (reply.status_code, reply.json()) == (400, {"error": "model is required"})


@pytest.mark.parametrize(("path", "key"), [("/v1/nothing", "message"), ("/api/nothing", None)])
async def test_an_unknown_path_is_not_found_in_the_protocols_form(
    path: str, key: str | None
) -> None:
    async with caller(app()) as client:
        error = (await client.get(path)).json()["error"]
    assert (error[key] if key else error) == "there is nothing at this path"


async def test_another_method_is_refused() -> None:
    async with caller(app()) as client:
        reply = await client.get("/v1/chat/completions")
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


async def test_a_body_that_does_not_come_is_given_up() -> None:
    async def drops() -> AsyncIterator[bytes]:
        yield b"{"
        await anyio.sleep_forever()

    async with caller(app(limits=ServingLimits(body_s=0.05))) as client:
        reply = await client.post("/v1/chat/completions", content=drops())
    assert reply.status_code == 408


def _has_no_details(message: str) -> None:
    assert len(message) < 2_000
    assert not any(word in message for word in ("Traceback", "/sdk/", "site-packages", ".py"))
