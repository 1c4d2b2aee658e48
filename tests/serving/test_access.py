"""Who gets in, and who does not."""

from __future__ import annotations

import pytest
from serving.asgi import app, caller

from metier.errors import InvalidSettings
from metier.serving import Access
from metier.serving.access import hashed

pytestmark = pytest.mark.anyio

KEY = "a-key-of-enough-characters"
KEYED = Access(host="0.0.0.0", key_sha256=hashed(KEY))


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8413", "localhost", "[::1]:9000", "LOCALHOST:1", "127.0.0.2:8413"]
)
async def test_this_machine_gets_in_by_its_own_names(host: str) -> None:
    async with caller(app()) as client:
        reply = await client.get("/v1/models", headers={"host": host})
    assert reply.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example:8413", "127.0.0.1.evil.example", "localhost.evil.example", "", "[::1"]
)
@pytest.mark.parametrize("path", ["/v1/models", "/api/tags", "/"])
async def test_a_name_that_was_bound_to_this_machine_does_not(host: str, path: str) -> None:
    async with caller(app()) as client:
        reply = await client.get(path, headers={"host": host})
    assert reply.status_code == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:3000",
        "https://127.0.0.1",
        "http://127.0.0.2:1",
        "app://obsidian.md",
        "vscode-webview://x",
    ],
)
async def test_a_page_of_this_machine_may_call_and_read(origin: str) -> None:
    async with caller(app()) as client:
        reply = await client.get("/v1/models", headers={"origin": origin})
        asked = await client.options(
            "/api/chat",
            headers={
                "origin": origin,
                "access-control-request-method": "POST",
                "access-control-request-headers": "content-type",
            },
        )
    assert reply.headers["access-control-allow-origin"] == origin
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-headers"] == "content-type"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost.evil.example", "http://[", "file://"],
)
async def test_a_page_of_another_origin_may_not(origin: str) -> None:
    async with caller(app()) as client:
        reply = await client.get("/v1/models", headers={"origin": origin})
        asked = await client.options(
            "/api/chat", headers={"origin": origin, "access-control-request-method": "POST"}
        )
    assert reply.status_code == 403
    assert "access-control-allow-origin" not in reply.headers
    assert asked.status_code == 403


async def test_an_origin_that_the_operator_names_may_call() -> None:
    made = app(access=Access(origins=("https://chat.example",)))
    async with caller(made) as client:
        reply = await client.get("/v1/models", headers={"origin": "https://chat.example"})
    assert reply.status_code == 200


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_an_origin_that_the_operator_names_may_change_kept_runs(method: str) -> None:
    origin = {"origin": "https://chat.example"}
    made = app(access=Access(origins=("https://chat.example",)))
    async with caller(made) as client:
        asked = await client.options(
            "/metier/runs/3f2a91bc", headers=origin | {"access-control-request-method": method}
        )
    assert method in asked.headers["access-control-allow-methods"].split(", ")


@pytest.mark.parametrize("sent", ["", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x", KEY])
async def test_without_the_key_nothing_is_served(sent: str) -> None:
    async with caller(app(access=KEYED), base="http://192.0.2.1:8413") as client:
        headers = {"authorization": sent} if sent else {}
        openai = await client.get("/v1/models", headers=headers)
        ollama = await client.get("/api/tags", headers=headers)
    assert openai.status_code == ollama.status_code == 401
    assert openai.json()["error"]["type"] == "authentication_error"
    assert ollama.json() == {"error": "the key is missing or wrong"}


async def test_with_the_key_any_host_is_served() -> None:
    async with caller(app(access=KEYED), base="http://192.0.2.1:8413") as client:
        reply = await client.get("/v1/models", headers={"authorization": f"bearer {KEY}"})
    assert reply.status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
def test_an_address_that_others_reach_needs_a_key(host: str) -> None:
    with pytest.raises(InvalidSettings, match="callers need a key"):
        Access(host=host)
    assert Access(host=host, key_sha256=hashed(KEY)).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machines_own_address_needs_none(host: str) -> None:
    assert Access(host=host).key_sha256 is None


def test_a_hash_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="64 hexadecimal digits"):
        Access(key_sha256="secret")
