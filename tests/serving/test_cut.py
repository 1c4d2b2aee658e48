"""Answers of which a client wants only the beginning: what is true of them is told all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from bridges.kitchen import card
from click.testing import CliRunner
from serving.asgi import caller

from metier.answer import Source
from metier.cli.main import cli
from metier.council import Council
from metier.experts.expert import Context, Expert, Task, messages_for
from metier.models.server import ChatRequest
from metier.runs.store import RunStore
from metier.serving import http_app
from metier.settings import Settings
from metier.testing import FixedEmbedder, ScriptedModels
from metier.testing.models import Reply, Stall

pytestmark = pytest.mark.anyio

BREAD = "How long does bread bake?"
BOTH = f"{BREAD} Which wine goes with fish?"
NOTICE = "Not medical advice."


class Citing(Expert):
    """Names a source, and streams."""

    def answer(self, task: Task, context: Context) -> AsyncIterator[str]:
        context.cite(Source(name="baking.md"))
        return context.stream(messages_for(self.card, task))


def council(
    replies: Sequence[Reply], *, runs: RunStore | None = None, wine: Sequence[Reply] = ()
) -> tuple[Council, ScriptedModels]:
    server = ScriptedModels({"cooking": replies, "wine": wine})
    cooking = Citing(card("cooking", BREAD, disclaimer=NOTICE))
    others = [Expert(card("wine", "Which wine goes with fish?")), Expert(card("general"))]
    made = Council.of([cooking, *others], server=server, embedder=FixedEmbedder(), runs=runs)
    return made, server


async def asked(
    made: Council, *, path: str = "/v1/chat/completions", text: str = BREAD, **more: Any
) -> Any:
    body = {"model": "metier", "messages": [{"role": "user", "content": text}]} | more
    async with caller(http_app(made)) as client:
        reply = await client.post(path, json=body)
    assert reply.status_code == httpx.codes.OK
    return reply.json()


LENGTH = {"max_tokens": 1}
STOP = {"stop": " two"}


@pytest.mark.parametrize(("more", "said"), [(LENGTH, "one "), (STOP, "one")])
async def test_a_cut_answer_names_its_expert_source_notice_and_cost(
    more: dict[str, Any], said: str
) -> None:
    made, server = council([Stall("one two three four")])
    reply = await asked(made, **more)
    (choice,) = reply["choices"]
    assert choice["message"]["content"] == said
    assert [each["url_citation"]["title"] for each in choice["message"]["annotations"]] == [
        "baking.md"
    ]
    assert reply["metier"]["experts"] == ["cooking"]
    assert reply["metier"]["notices"] == [NOTICE]
    assert reply["usage"]["prompt_tokens"] > 5
    assert reply["usage"]["completion_tokens"] > 0
    assert server.closed_early == ["cooking"]


async def test_a_cut_answer_of_ollama_has_its_cost() -> None:
    made, _ = council(["one two three four"])
    options = {"num_predict": 1}
    reply = await asked(made, path="/api/chat", stream=False, options=options)
    assert reply["metier"]["notices"] == [NOTICE]
    assert reply["eval_count"] > 0


async def test_open_webui_says_who_gave_a_cut_answer() -> None:
    made, _ = council(["one two three four"])
    body = {"model": "metier", "messages": [{"role": "user", "content": BREAD}], "stream": True}
    async with caller(http_app(made)) as client:
        headers = {"x-openwebui-chat-id": "c1"}
        reply = await client.post("/v1/chat/completions", json=body | LENGTH, headers=headers)
    assert f"answered by cooking · {NOTICE}" in reply.text
    assert "nobody" not in reply.text


async def test_nothing_but_spaces_before_the_cut_is_an_answer_too() -> None:
    made, _ = council([Stall("      one")])
    reply = await asked(made, **LENGTH)
    assert reply["choices"][0]["message"]["content"].strip() == ""
    assert reply["choices"][0]["finish_reason"] == "length"


async def test_steps_after_the_cut_are_not_run() -> None:
    made, server = council(["one two three four"], wine=[Stall("Riesling")])
    reply = await asked(made, text=BOTH, max_tokens=5)
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["metier"]["experts"] == ["cooking"]
    assert reply["metier"]["missing"] == []
    assert len(server.requests) == 1 or server.closed_early == ["wine"]


async def test_a_cut_answer_is_kept_and_replayed_as_the_client_got_it(tmp_path: Path) -> None:
    with RunStore(tmp_path / "runs.db") as store:
        made, _ = council(["one two three four"], runs=store)
        await asked(made, **STOP)
        run = store.load("last")
        replay = await made.replay(run)
    assert (run.status, run.answer, run.cut) == ("answered", "one", "stop")
    assert (replay.same, replay.differences) == (True, ())


async def test_a_cut_answer_is_shown_as_such() -> None:
    with RunStore.of(Settings.load()) as store:
        made, _ = council(["one two three four"], runs=store)
        await asked(made, **LENGTH)
    shown = CliRunner().invoke(cli, ["runs", "show", "last"]).stdout
    assert "answered, up to the length that was asked for" in shown


async def test_a_response_goes_on_from_a_cut_one(tmp_path: Path) -> None:
    requests: list[ChatRequest] = []

    def spoken(request: ChatRequest) -> str:
        requests.append(request)
        return "one two three four"

    with RunStore(tmp_path / "runs.db") as store:
        made, _ = council([spoken, spoken], runs=store)
        first = await asked(
            made, path="/v1/responses", model="cooking", input=BREAD, max_output_tokens=1
        )
        await asked(
            made,
            path="/v1/responses",
            model="cooking",
            input="And rye?",
            previous_response_id=first["id"],
        )
    said = [(turn.role, turn.content) for turn in requests[1].messages]
    assert ("assistant", "one ") in said
