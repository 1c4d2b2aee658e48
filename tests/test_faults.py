"""What a model server can do wrong, on real sockets."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

import anyio
import pytest
from faulty import Behaviour, end, faulty, piece, replies, silence, streams
from ports import free_port

from metier import Council, Message, Settings
from metier.errors import (
    ContextOverflow,
    DeadlineExceeded,
    MetierError,
    ModelMissing,
    ModelRefused,
    ModelServerBusy,
    ModelServerFailed,
    ModelServerUnreachable,
    StreamInterrupted,
)
from metier.models.ollama import Deadlines, OllamaServer
from metier.models.server import ChatRequest
from metier.testing import FixedEmbedder

pytestmark = pytest.mark.anyio

SHORT = Deadlines(connect_s=2, first_token_s=0.2, token_s=0.2, call_s=5)


def request() -> ChatRequest:
    return ChatRequest(model="m", messages=(Message(role="user", content="Hello"),))


async def chat(
    host: str, *, deadlines: Deadlines = Deadlines(), asked: ChatRequest | None = None
) -> str:
    server = OllamaServer(host, deadlines=deadlines)
    try:
        with anyio.fail_after(20):
            return "".join([chunk.text async for chunk in server.chat(asked or request())])
    finally:
        await server.aclose()


async def test_a_whole_stream_is_an_answer() -> None:
    async with faulty(streams([piece("Hel"), piece("lo"), end()])) as server:
        assert await chat(server.host) == "Hello"


async def test_no_message_that_is_sent_holds_a_control_token() -> None:
    token = "<|im_end|>"
    messages = (
        Message(role="system", content=f"a {token}"),
        Message(role="user", content=f"a {token}"),
        Message(role="assistant", content=f"a {token}"),
    )
    async with faulty(streams([end()])) as server:
        await chat(server.host, asked=ChatRequest(model="m", messages=messages))
    sent = [message["content"] for message in server.requests[0][1]["messages"]]
    assert sent == ["a <\\|im_end|>"] * 3


async def test_every_generating_request_forbids_cutting_and_shifting() -> None:
    async with faulty(streams([end()])) as server:
        await chat(server.host)
    path, body = server.requests[0]
    assert (path, body["truncate"], body["shift"]) == ("/api/chat", False, False)
    assert body["options"]["num_ctx"] == 4096
    assert body["keep_alive"] == "10m"


async def test_a_closed_port_is_unreachable_and_says_what_to_do() -> None:
    with pytest.raises(ModelServerUnreachable, match="ollama serve"):
        await chat(f"http://127.0.0.1:{free_port()}")


async def test_a_host_that_does_not_exist_is_unreachable() -> None:
    with pytest.raises(ModelServerUnreachable):
        await chat("http://no-such-host.invalid:11434")


async def test_a_server_that_accepts_and_never_answers_meets_the_first_deadline() -> None:
    async with faulty(silence()) as server:
        with pytest.raises(DeadlineExceeded, match="first token"):
            await chat(server.host, deadlines=SHORT)


async def test_a_server_that_falls_silent_meets_the_deadline_between_tokens() -> None:
    async with faulty(streams([piece("a")], then="silence")) as server:
        with pytest.raises(DeadlineExceeded, match="next token"):
            await chat(server.host, deadlines=SHORT)


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (streams([piece("a")], then="cut"), StreamInterrupted),
        (streams([piece("a")]), StreamInterrupted),
        (streams([piece("a"), {"error": "the runner died"}]), StreamInterrupted),
        (streams([piece("a"), b"no json"]), ModelServerFailed),
        (streams([piece("a"), {"done": True}]), ModelServerFailed),
        (streams([[1, 2]]), ModelServerFailed),
        (replies(200, b"<html>a router's login page</html>"), ModelServerFailed),
        (replies(500, {"error": "boom"}), ModelServerFailed),
        (replies(404, {"error": "model 'm' not found"}), ModelMissing),
        (replies(400, {"error": "no"}), ModelRefused),
        (replies(400, {"error": "the input length exceeds the context length"}), ContextOverflow),
        (replies(503, {"error": "server busy"}), ModelServerBusy),
    ],
)
async def test_each_fault_has_its_error(behaviour: Behaviour, error: type[MetierError]) -> None:
    async with faulty(behaviour) as server:
        with pytest.raises(error):
            await chat(server.host)


async def test_a_busy_server_is_asked_again_before_the_first_token() -> None:
    busy = replies(503, {"error": "server busy"})
    async with faulty(busy, busy, streams([piece("Hello"), end()])) as server:
        assert await chat(server.host) == "Hello"
        assert len(server.requests) == 3


async def test_a_refusal_is_not_asked_again() -> None:
    async with faulty(replies(400, {"error": "no"})) as server:
        with pytest.raises(ModelRefused):
            await chat(server.host)
        assert len(server.requests) == 1


async def test_a_stream_that_broke_off_is_not_asked_again() -> None:
    async with faulty(streams([piece("a")], then="cut")) as server:
        with pytest.raises(StreamInterrupted):
            await chat(server.host)
        assert len(server.requests) == 1


async def test_leaving_a_stream_closes_the_connection() -> None:
    async with faulty(streams([piece("a")], then="silence")) as seen:
        server = OllamaServer(seen.host)
        async with aclosing(server.chat(request())) as chunks:
            assert (await anext(chunks)).text == "a"
        with anyio.fail_after(5):
            await seen.hung_up.wait()


async def test_cancelling_a_wait_closes_the_connection() -> None:
    async with faulty(streams([piece("a")], then="silence")) as seen:
        with anyio.move_on_after(0.3):
            await chat(seen.host)
        with anyio.fail_after(5):
            await seen.hung_up.wait()


async def test_a_short_call_to_a_silent_server_has_a_deadline() -> None:
    async with faulty(silence()) as seen:
        server = OllamaServer(seen.host, deadlines=Deadlines(reply_s=0.2))
        with pytest.raises(DeadlineExceeded, match="did not answer"):
            await server.list()


async def test_a_server_that_dies_mid_stream_leaves_a_partial_answer(tmp_path: Path) -> None:
    tags = replies(200, {"models": [{"model": "qwen2.5-coder:1.5b", "size": 1}]})
    paths = {"/api/tags": tags, "/api/version": replies(200, {"version": "0.24.0"})}
    async with faulty(streams([piece("Half an")], then="cut"), paths=paths) as seen:
        settings = Settings(host=seen.host, cache_dir=tmp_path)
        async with Council.from_installed(settings) as whole:
            council = Council(whole.registry, settings=settings, embedder=FixedEmbedder())
            plan = await council.plan("What is the capital of Peru?", experts=["general"])
            events = [event async for event in council.stream(plan)]
            await council.aclose()
    failed = next(event for event in events if event.type == "step_failed")
    assert failed.code == "stream_interrupted"
    answered = events[-1]
    assert answered.type == "answered"
    assert answered.answer.text.startswith("Half an")
    assert not answered.answer.complete
