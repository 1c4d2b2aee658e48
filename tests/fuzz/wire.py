"""What comes over the wire: HTTP bodies of clients, calls that models write, schemas of servers."""

from __future__ import annotations

import atexit
import json
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache, partial

from anyio.from_thread import BlockingPortal, start_blocking_portal
from fuzz.files import JSON
from fuzz.target import Target, text
from httpx import AsyncClient
from serving.asgi import app, caller

from metier.bridges.schemas import arguments_of
from metier.models.server import ChatRequest, Chunk, ModelDetails, ToolSpec
from metier.models.tool_calls import CallReader
from metier.plan import Message
from metier.serving import ServingLimits

PATHS = (
    *("/v1/chat/completions", "/v1/responses", "/v1/embeddings"),
    *("/api/chat", "/api/generate", "/api/show", "/api/embed", "/api/embeddings"),
    *("/metier/plan", "/metier/runs", "/metier/map", "/metier/runs/last/rating"),
)
TOOL = ToolSpec(
    name="scale",
    schema={
        "type": "object",
        "properties": {"grams": {"type": "number"}, "to": {"type": "string"}},
        "required": ["grams"],
    },
)
DETAILS = ModelDetails(name="small", capabilities=frozenset({"completion"}))
CHAT = {
    "model": "metier",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "How long does bread bake?"}]},
    ],
    "stream": False,
    "temperature": 0.5,
    "stop": ["x"],
    "options": {"seed": 1, "num_predict": 9},
    "tools": [{"type": "function", "function": {"name": "a", "parameters": {}}}],
}
BODIES = [
    CHAT,
    CHAT | {"stream": True, "stream_options": {"include_usage": True}},
    {"model": "metier", "prompt": "Bread?", "input": ["a", [1, 2]], "stream": False},
    {"model": "metier", "input": [{"role": "user", "content": "Bread?"}], "store": False},
    {"question": "Bread?", "plan": None, "experts": ["cooking"], "verdict": "good", "note": "a"},
]
CALLS = [
    b'I will look:\n```json\n{"name": "scale", "arguments": {"grams": 200}}\n```',
    b'<tool_call>\n{"name": "scale", "arguments": {"grams": 2, "to": "4"}}\n</tool_call>',
    b'[{"function": {"name": "scale", "parameters": "{\\"grams\\": 1}"}}]',
]
SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": ["string", "null"], "enum": ["x"], "pattern": "(a+)+$"},
        "b": {"$ref": "#/$defs/b"},
        "c": {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"const": 1}]},
    },
    "required": ["a"],
    "$defs": {"b": {"type": "object", "properties": {"b": {"$ref": "#/$defs/b"}}}},
}


_OPEN = ExitStack()
atexit.register(_OPEN.close)


@cache
def portal() -> BlockingPortal:
    """An event loop for as long as this process lives."""
    return _OPEN.enter_context(start_blocking_portal())


@cache
def client() -> AsyncClient:
    """A client of one server, for all inputs."""
    return caller(app(limits=ServingLimits(body_bytes=1 << 20)))


def post(data: bytes) -> None:
    """Send a body to every path: it is answered, or refused with a reason."""
    for path in PATHS:
        send = partial(client().post, path, content=data)
        reply = portal().call(send)
        # 503: what this server does not have, such as kept runs.
        assert reply.status_code < 500 or reply.status_code in (501, 503), (path, reply.text)
        if reply.status_code >= 400:
            assert "error" in reply.json()


def call(data: bytes) -> None:
    said = Message(role="user", content="Scale 200 g for 4.")
    request = ChatRequest(model="small", messages=(said,), tools=(TOOL,))
    reader = CallReader(request, DETAILS)
    last = reader.passed(Chunk(text=text(data), done=True))
    for each in last.calls:
        assert each.name == TOOL.name
    if reader.misfit:
        reader.mended(last, [last])


def bridge(data: bytes) -> None:
    try:
        schema = json.loads(data)
    except (ValueError, RecursionError):
        return
    model, _ = arguments_of(schema)
    model.model_json_schema()


def dumped(*values: object) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


def reading(read: Callable[[bytes], object]) -> Callable[[bytes, object], object]:
    """A reader that needs no folder."""
    return lambda data, _: read(data)


TARGETS = [
    Target(
        name="HTTP bodies",
        read=reading(post),
        seeds=dumped(*BODIES),
        words=[*JSON, b'"role"', b'"content"', b'"stream"', b'"tools"', b'"type"', b"metier/"],
    ),
    Target(
        name="tool calls",
        read=reading(call),
        seeds=CALLS,
        words=[*JSON, b"```json", b"<tool_call>", b'"arguments"', b'"name"', b"<function="],
    ),
    Target(
        name="schemas",
        read=reading(bridge),
        seeds=dumped(SCHEMA),
        words=[*JSON, b'"$ref"', b'"#/$defs/b"', b'"type"', b'"array"', b'"allOf"'],
    ),
]
