"""Open WebUI: its own events beside an answer, and its calls that no expert should answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from bridges.kitchen import card, council, models
from serving.asgi import app, caller

from metier.answer import Source
from metier.council import Council
from metier.experts.expert import Context, Expert, Task
from metier.runs.store import RunStore
from metier.serving import http_app
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

HEADERS = {"x-openwebui-chat-id": "c1", "x-openwebui-task": ""}
BREAD = "How long does bread bake?"
# Shortened from Open WebUI's templates.
TITLE = """### Task:
Generate a concise, 3-5 word title with an emoji summarizing the chat history.
### Output:
JSON format: { "title": "your concise title here" }
### Chat History:
<chat_history>
USER: How long does rye bread bake in a very hot oven?
ASSISTANT: Forty minutes.
</chat_history>"""
TAGS = TITLE.replace('{ "title": "your concise title here" }', '{ "tags": ["tag1"] }')
FOLLOW_UPS = TITLE.replace('{ "title": "your concise title here" }', '{ "follow_ups": ["Q1?"] }')
LONGER = TITLE.replace("</chat_history>", "USER: And in a cold\none?\n</chat_history>")
QUERIES = LONGER.replace('{ "title": "your concise title here" }', '{ "queries": ["q1", "q2"] }')
IMAGE = LONGER.replace('{ "title": "your concise title here" }', '{ "prompt": "a detailed one" }')
RAG = f"""### Task:
Respond to the user query using the provided context.
<context>
Bread bakes for forty minutes.
</context>
{BREAD}"""


class Citing(Expert):
    """An expert that names its source."""

    async def answer(self, task: Task, context: Context) -> str:
        context.cite(Source(name="baking.md", place="page 3", quote="Bake for forty minutes."))
        return "Forty minutes."


def body(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "metier", "messages": [{"role": "user", "content": text}]} | more


def content(reply: httpx.Response) -> str:
    return reply.json()["choices"][0]["message"]["content"]


def chunks(reply: httpx.Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in reply.text.splitlines() if line]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (TITLE, {"title": "How long does rye bread bake"}),
        (TAGS, {"tags": []}),
        (FOLLOW_UPS, {"follow_ups": []}),
        (QUERIES, {"queries": ["And in a cold one?"]}),
        (IMAGE, {"prompt": "And in a cold one?"}),
    ],
)
async def test_its_own_prompts_reach_no_expert(prompt: str, expected: dict[str, Any]) -> None:
    async with caller(app()) as client:
        reply = await client.post("/v1/chat/completions", json=body(prompt))
    assert json.loads(content(reply)) == expected


async def test_a_task_that_its_header_names_reaches_no_expert() -> None:
    async with caller(app()) as client:
        headers = HEADERS | {"x-openwebui-task": "tags_generation"}
        reply = await client.post("/v1/chat/completions", json=body("Tags?"), headers=headers)
    assert json.loads(content(reply)) == {"tags": []}


@pytest.mark.parametrize("headers", [{}, {"x-openwebui-task": "title_generation"}])
async def test_its_own_prompts_reach_no_expert_over_ollamas_api(headers: dict[str, str]) -> None:
    async with caller(app()) as client:
        asked = body(TITLE, stream=False)
        chat = await client.post("/api/chat", json=asked, headers=headers)
        prompt = {"model": "metier", "prompt": TITLE, "stream": False}
        generated = await client.post("/api/generate", json=prompt, headers=headers)
    for text in (chat.json()["message"]["content"], generated.json()["response"]):
        assert json.loads(text) == {"title": "How long does rye bread bake"}


async def test_its_own_prompts_reach_no_expert_as_a_response(tmp_path: Path) -> None:
    with RunStore(tmp_path / "runs.db") as store:
        made = council(models(), runs=store)
        async with caller(http_app(made)) as client:
            reply = await client.post("/v1/responses", json={"model": "metier", "input": TITLE})
        assert store.newest() == []
    response = reply.json()
    (item,) = response["output"]
    assert json.loads(item["content"][0]["text"]) == {"title": "How long does rye bread bake"}
    assert response["store"] is False
    assert len(response["id"]) > len("resp_")


async def test_several_answers_are_merged_by_the_general_expert_without_planning() -> None:
    headers = HEADERS | {"x-openwebui-task": "moa_response_generation"}
    merge = f'Responses to "{BREAD}": Forty minutes. An hour. Which wine goes with fish? Riesling.'
    async with caller(app(models(general=["Forty to sixty minutes."]))) as client:
        reply = await client.post("/v1/chat/completions", json=body(merge), headers=headers)
    assert content(reply) == "Forty to sixty minutes."


@pytest.mark.parametrize("prompt", [RAG, BREAD, f"### Task: {BREAD}"])
async def test_a_question_in_its_template_for_documents_is_a_question(prompt: str) -> None:
    def forty(_: object) -> str:
        return "Forty minutes."

    server = ScriptedModels({"cooking": forty, "general": forty, "wine": forty})
    async with caller(app(server)) as client:
        reply = await client.post("/v1/chat/completions", json=body(prompt))
    assert "Forty minutes." in content(reply)
    assert server.requests


async def test_its_page_gets_status_and_sources() -> None:
    made = Council.of(
        [Citing(card("cooking", BREAD)), Expert(card("general"))],
        server=models(),
        embedder=FixedEmbedder(),
    )
    async with caller(http_app(made)) as client:
        reply = await client.post(
            "/v1/chat/completions", json=body(BREAD, stream=True), headers=HEADERS
        )
    events = [chunk["event"] for chunk in chunks(reply) if "event" in chunk]
    status = [event["data"] for event in events if event["type"] == "status"]
    (source,) = [event["data"] for event in events if event["type"] == "source"]
    assert status[0] == {"description": "plan: cooking", "done": False}
    assert status[-1] == {"description": "answered by cooking", "done": True}
    assert source["document"] == ["Bake for forty minutes."]
    assert source["source"]["name"] == "baking.md, page 3"


async def test_a_notice_of_a_card_is_seen_beside_the_answer_and_is_no_part_of_it() -> None:
    notice = "Not medical advice."
    made = Council.of(
        [Expert(card("medical", BREAD, disclaimer=notice)), Expert(card("general"))],
        server=models(medical=["Forty minutes."]),
        embedder=FixedEmbedder(),
    )
    async with caller(http_app(made)) as client:
        reply = await client.post(
            "/v1/chat/completions", json=body(BREAD, stream=True), headers=HEADERS
        )
    events = [chunk["event"] for chunk in chunks(reply) if "event" in chunk]
    assert {"type": "notification", "data": {"type": "warning", "content": notice}} in events
    last = events[-1]["data"]
    assert last == {"description": f"answered by medical · {notice}", "done": True}
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(reply) if chunk["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == "Forty minutes."


async def test_other_programs_get_no_chunk_without_a_choice() -> None:
    async with caller(app(models(cooking=["Forty."]))) as client:
        reply = await client.post("/v1/chat/completions", json=body(BREAD, stream=True))
    assert all(chunk["choices"] for chunk in chunks(reply))


async def test_sources_are_annotations_for_all_programs() -> None:
    made = Council.of(
        [Citing(card("cooking", BREAD)), Expert(card("general"))],
        server=models(),
        embedder=FixedEmbedder(),
    )
    async with caller(http_app(made)) as client:
        reply = await client.post("/v1/chat/completions", json=body(BREAD))
    (cited,) = reply.json()["choices"][0]["message"]["annotations"]
    assert cited["url_citation"]["title"] == "baking.md, page 3"
