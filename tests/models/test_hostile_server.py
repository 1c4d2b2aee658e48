"""A model server that somebody else controls: nothing is sent on, and every reply has a limit."""

from __future__ import annotations

import gzip
import json
import shutil
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from faulty import Behaviour, Flood, end, faulty, piece, replies, streams
from ports import free_port

from metier import Message
from metier.errors import MetierError, ModelServerFailed, ModelServerUnreachable, StreamInterrupted
from metier.models.ollama import OllamaServer
from metier.models.server import ChatRequest, RawRequest, Sampling

pytestmark = pytest.mark.anyio

Call = Callable[[OllamaServer], Awaitable[Any]]
LETTER = "a private letter"


async def chat(server: OllamaServer, *, max_tokens: int | None = 100) -> str:
    request = ChatRequest(
        model="m",
        messages=(Message(role="user", content=LETTER),),
        sampling=Sampling(max_tokens=max_tokens),
    )
    return "".join([chunk.text async for chunk in server.chat(request)])


async def generate(server: OllamaServer) -> str:
    request = RawRequest(model="m", prompt=LETTER, sampling=Sampling(max_tokens=100))
    return "".join([chunk.text async for chunk in server.generate(request)])


async def listed(server: OllamaServer) -> Any:
    return await server.list()


async def shown(server: OllamaServer) -> Any:
    return await server.show("m")


async def embedded(server: OllamaServer) -> Any:
    return await server.embed("m", [LETTER])


async def called(call: Call, host: str) -> Any:
    server = OllamaServer(host)
    try:
        with anyio.fail_after(60):
            return await call(server)
    finally:
        await server.aclose()


async def error_of(call: Call, behaviour: Behaviour) -> MetierError:
    async with faulty(behaviour) as server:
        with pytest.raises(MetierError) as caught:
            await called(call, server.host)
        assert len(server.requests) == 1
    return caught.value


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", [chat, embedded, listed])
async def test_a_redirect_is_not_followed(status: int, call: Call) -> None:
    bodies = {"models": [], "embeddings": [[1.0]], **end()}
    async with faulty(replies(200, bodies)) as other:
        await called(call, other.host)
        assert len(other.requests) == 1
        to = f"{other.host}/api/elsewhere?q=1"
        async with faulty(replies(status, b"", headers=f"Location: {to}\r\n")) as server:
            with pytest.raises(ModelServerFailed) as caught:
                await called(call, server.host)
    assert len(other.requests) == 1
    assert f"{server.host} redirects to {other.host!r}" in caught.value.message
    assert f"OLLAMA_HOST={other.host}" in caught.value.hint


async def test_no_proxy_and_no_password_file_of_the_environment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("default login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OLLAMA_API_KEY", "secret")
    async with faulty(streams([end()])) as proxy, faulty(streams([end()])) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.host)
        await called(chat, server.host)
        with pytest.raises(ModelServerUnreachable):
            await called(chat, f"https://localhost:{free_port()}")
    assert proxy.requests == []
    assert "authorization" not in server.headers[0]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of this machine, with its key, that nobody has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("making a certificate needs the program openssl")
    file = tmp_path / "own.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", f"{file}.crt"]
    subprocess.run(made, check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + Path(f"{file}.crt").read_bytes())
    return file


async def test_a_key_is_sent_only_to_a_server_that_can_prove_who_it_is(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "secret")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    async with faulty(streams([end()]), tls=tls) as server:
        with pytest.raises(ModelServerUnreachable, match="certificate"):
            await called(chat, server.host)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        await called(chat, server.host)
    assert [headers["authorization"] for headers in server.headers] == ["Bearer secret"]


@pytest.mark.parametrize("call", [chat, generate, partial(chat, max_tokens=None)])
async def test_a_reply_that_does_not_end_is_cut_off(call: Call) -> None:
    line = json.dumps({**piece("and so on"), "response": "and so on"}).encode() + b"\n"
    flood = Flood(line)
    error = await error_of(call, flood)
    assert not flood.complete
    assert isinstance(error, ModelServerFailed)
    assert not error.retryable
    assert "more than" in error.message


async def test_as_many_tokens_as_were_asked_for_are_not_too_many() -> None:
    # 4,096 is the whole context window. No tokenizer has a mean as long as this.
    text = "x" * 100
    async with faulty(streams([*[piece(text)] * 4096, end()])) as server:
        assert await called(partial(chat, max_tokens=None), server.host) == text * 4096


@pytest.mark.parametrize(
    ("call", "start", "block"),
    [
        (chat, b'{"message": {"content": "', b"x"),
        (listed, b'{"models": [', b'{"model": "m"},'),
        (shown, b'{"template": "', b"x"),
        (embedded, b'{"embeddings": [[', b"0.1,"),
    ],
)
async def test_a_line_or_body_that_does_not_end_is_cut_off(
    call: Call, start: bytes, block: bytes
) -> None:
    flood = Flood(block, start=start)
    error = await error_of(call, flood)
    assert not flood.complete
    assert isinstance(error, ModelServerFailed)
    assert "more than" in error.message


@pytest.mark.parametrize("call", [chat, listed, shown, embedded])
async def test_compressed_replies_are_neither_asked_for_nor_read(call: Call) -> None:
    whole = {**end(), "models": [], "embeddings": [[1.0]]}
    bomb = gzip.compress(json.dumps({**whole, "x": "0" * (1 << 24)}).encode())
    async with faulty(replies(200, bomb, headers="Content-Encoding: gzip\r\n")) as server:
        with pytest.raises(ModelServerFailed, match="compressed"):
            await called(call, server.host)
    assert server.headers[0]["accept-encoding"] == "identity"


LONE = b'{"error": "\\ud800", "message": {"content": "\\ud800"}, "models": [{"model": "\\ud800"}]}'
DEEP = b'{"message": ' + b"[" * 100_000


@pytest.mark.parametrize("call", [chat, listed, shown])
@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("body", [LONE, DEEP, b"\xff\xfe"])
async def test_what_is_no_text_or_no_json_is_an_error_or_has_a_mark_in_its_place(
    call: Call, status: int, body: bytes
) -> None:
    async with faulty(replies(status, body)) as server:
        try:
            said = str(await called(call, server.host))
        except MetierError as exc:
            said = str(exc)
    assert said.encode()


@pytest.mark.parametrize(
    "vectors", [b"[[1.0, 2.0], [1.0]]", b"[[1.0, NaN], [1.0, 2.0]]", b"[[], []]"]
)
async def test_vectors_that_no_index_can_hold_are_refused(vectors: bytes) -> None:
    error = await error_of(
        lambda server: server.embed("m", ["a", "b"]),
        replies(200, b'{"embeddings": ' + vectors + b"}"),
    )
    assert isinstance(error, ModelServerFailed | StreamInterrupted)
