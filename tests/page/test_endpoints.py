"""The endpoints under `/metier`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from kept_runs import PLAN, card, council, settings_in
from page.asking import as_json, caller, question, run

from metier.council import Council
from metier.experts.expert import Expert
from metier.models.embedder import Role, Vectors
from metier.plan import Plan
from metier.serving import Access, ServingLimits, http_app
from metier.serving.access import hashed
from metier.serving.runs import Runs
from metier.testing import FixedEmbedder, ScriptedModels
from metier.testing.models import Stall

pytestmark = pytest.mark.anyio

KEY = "a-key-of-enough-characters"


def edited(plan: Mapping[str, Any], step: str, **changes: Any) -> dict[str, Any]:
    steps = [each | changes if each["id"] == step else each for each in plan["steps"]]
    return dict(plan) | {"steps": steps}


async def test_a_plan_says_who_would_answer(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        reply = await client.post("/metier/plan", json=question("What is 2 + 2?"))
    plan = Plan.parse(reply.text)
    assert plan.question == "What is 2 + 2?"
    assert plan.steps[0].candidates


async def test_a_plan_takes_experts_and_a_strategy(tmp_path: Path) -> None:
    body = question("What is 2 + 2?", experts=["code"], strategy="vote", models=["small", "other"])
    async with council(tmp_path) as asked, caller(asked) as client:
        plan = (await client.post("/metier/plan", json=body)).json()
    assert [step["expert"] for step in plan["steps"]] == ["code"]
    assert plan["steps"][0]["strategy"] == "vote"
    assert [member["model"] for member in plan["steps"][0]["members"]] == ["small", "other"]


async def test_a_run_is_told_in_metiers_own_events(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        events = await run(client, question("What is 2 + 2?"))
    words = "".join(e["text"] for e in events if e["type"] == "token" and e["answer"])
    assert events[0]["type"] == "plan_ready"
    assert events[-1]["type"] == "answered"
    assert events[-1]["answer"]["text"] == words != ""
    assert [event["seq"] for event in events] == list(range(len(events)))


async def test_a_changed_plan_runs_as_it_stands(tmp_path: Path) -> None:
    plan = edited(as_json(PLAN), "2", expert="general", task="Say it in words.")
    async with council(tmp_path) as asked, caller(asked) as client:
        events = await run(client, {"plan": plan})
    done = {e["step_id"]: e for e in events if e["type"] == "step_done"}
    assert done["2"]["expert"] == "general"
    assert done["2"]["task"] == "Say it in words."


async def test_what_did_not_change_is_not_asked_again(tmp_path: Path) -> None:
    models = ScriptedModels({"small": ["four", "print(4)", "joined", "five", "joined anew"]})
    async with council(tmp_path, models=models) as asked, caller(asked) as client:
        first = await run(client, {"plan": as_json(PLAN)})
        plan = edited(as_json(PLAN), "2", task="Write it in C.")
        again = await run(client, {"plan": plan, "reuse": first[0]["run_id"]})
    first_call = next(e for e in again if e["type"] == "call_started")
    done = {e["step_id"]: e for e in again if e["type"] == "step_done"}
    assert done["1"]["text"] == "four"
    assert first_call["step_id"] == "2"
    assert again[0]["run_id"] != first[0]["run_id"]


async def test_a_step_that_needs_a_changed_one_is_asked_again(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        first = await run(client, {"plan": as_json(PLAN)})
        plan = edited(as_json(PLAN), "1", task="What is 3 + 3?")
        again = await run(client, {"plan": plan, "reuse": first[0]["run_id"]})
    calls = {e["step_id"] for e in again if e["type"] == "call_started"}
    assert {"1", "2"} <= calls


async def test_nothing_of_another_question_is_reused(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        first = await run(client, {"plan": as_json(PLAN)})
        plan = {**as_json(PLAN), "question": "Another?"}
        again = await run(client, {"plan": plan, "reuse": first[0]["run_id"]})
    assert {"1", "2"} <= {e["step_id"] for e in again if e["type"] == "call_started"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "failed"),
        (question("   "), 400, "failed"),
        (question("Hello?", experts=["nobody"]), 404, "unknown_expert"),
        (question("Hello?", strategy="guess"), 400, "invalid_plan"),
        ({"plan": {"question": "Hello?", "steps": []}}, 400, "failed"),
        ({"plan": edited(as_json(PLAN), "1", expert="nobody")}, 404, "unknown_expert"),
        ({"plan": edited(as_json(PLAN), "1", needs=["2"])}, 400, "invalid_plan"),
        ({"plan": as_json(PLAN), "reuse": "feedbeef"}, 404, "unknown_run"),
    ],
)
async def test_what_cannot_run_is_refused_before_anything_is_asked(
    tmp_path: Path, body: dict[str, Any], status: int, code: str
) -> None:
    models = ScriptedModels({"small": []})
    async with council(tmp_path, models=models) as asked, caller(asked) as client:
        reply = await client.post("/metier/runs", json=body)
    assert reply.status_code == status, reply.text
    assert reply.json()["error"]["code"] == code
    assert reply.json()["error"]["message"]


async def test_a_conversation_that_is_too_long_is_refused(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Hello?"}] * 3
    limits = ServingLimits(messages=2)
    async with council(tmp_path) as asked, caller(asked, limits=limits) as client:
        reply = await client.post("/metier/runs", json={"messages": turns})
    assert reply.status_code == 400


async def test_runs_are_listed_searched_and_shown(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        first = await run(client, question("What is an albatross?"))
        await run(client, question("What is a badger?"))
        listed = (await client.get("/metier/runs")).json()
        newest = (await client.get("/metier/runs", params={"limit": "1"})).json()
        found = (await client.get("/metier/runs", params={"search": "albatr"})).json()
        shown = (await client.get(f"/metier/runs/{first[0]['run_id']}")).json()
    questions = [each["question"] for each in listed["runs"]]
    assert listed["kept"] is True
    assert questions == ["What is a badger?", "What is an albatross?"]
    assert len(newest["runs"]) == 1
    assert [each["id"] for each in found["runs"]] == [first[0]["run_id"]]
    assert shown["messages"][-1]["content"] == first[-1]["answer"]["text"]
    assert [e["type"] for e in shown["events"]] == [
        e["type"] for e in first if e["type"] != "token"
    ]


async def test_a_conversation_goes_on_and_is_found_as_one(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        first = await run(client, question("What is an albatross?"))
        shown = (await client.get(f"/metier/runs/{first[0]['run_id']}")).json()
        turns = [*shown["messages"], {"role": "user", "content": "Where does it live?"}]
        second = await run(client, {"messages": turns})
        shown = (await client.get(f"/metier/runs/{second[0]['run_id']}")).json()
    assert shown["conversation"] == [first[0]["run_id"], second[0]["run_id"]]


async def test_a_renamed_conversation_keeps_its_name_when_it_goes_on(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        first = await run(client, question("What is an albatross?"))
        path = f"/metier/runs/{first[0]['run_id']}"
        renamed = await client.patch(path, json={"title": " Large \n <b>birds</b> "})
        turns = (await client.get(path)).json()["messages"]
        await run(client, {"messages": [*turns, {"role": "user", "content": "Where?"}]})
        found = (await client.get("/metier/runs", params={"search": "large <B>birds"})).json()
    assert renamed.json() == {"title": "Large <b>birds</b>"}
    assert [each["question"] for each in found["runs"]] == ["Where?", "What is an albatross?"]


async def test_a_name_that_is_too_long_or_of_no_run_is_refused(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        first = await run(client, question("What is an albatross?"))
        path = f"/metier/runs/{first[0]['run_id']}"
        long = await client.patch(path, json={"title": "a" * 201})
        none = await client.patch("/metier/runs/abcdef", json={"title": "a"})
        headers = {"origin": "https://evil.example"}
        foreign = await client.patch(path, json={"title": "a"}, headers=headers)
    assert (long.status_code, none.status_code, foreign.status_code) == (400, 404, 403)


async def test_a_deleted_run_is_gone(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        events = await run(client, question("What is an albatross?"))
        path = f"/metier/runs/{events[0]['run_id']}"
        deleted = await client.delete(path)
        again = await client.get(path)
    assert deleted.json() == {"deleted": 1}
    assert again.status_code == 404


async def asked_on(client: httpx.AsyncClient, path: str, text: str) -> str:
    """The path of the run that goes on from another."""
    turns = (await client.get(path)).json()["messages"]
    events = await run(client, {"messages": [*turns, {"role": "user", "content": text}]})
    return f"/metier/runs/{events[0]['run_id']}"


async def test_a_conversation_is_deleted_as_a_whole(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        other = await run(client, question("What is a badger?"))
        first = f"/metier/runs/{(await run(client, question('An albatross?')))[0]['run_id']}"
        last = await asked_on(client, await asked_on(client, first, "Where?"), "Why?")
        whole = (await client.get(f"{last}/conversation")).json()
        deleted = await client.delete(f"{last}/conversation")
        left = (await client.get("/metier/runs")).json()["runs"]
    assert len(whole["runs"]) == 3
    assert deleted.json() == {"deleted": 3}
    assert [each["id"] for each in left] == [other[0]["run_id"]]


async def test_what_another_conversation_begins_with_is_not_deleted(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        first = f"/metier/runs/{(await run(client, question('An albatross?')))[0]['run_id']}"
        await asked_on(client, first, "Where?")
        middle = await asked_on(client, first, "Why?")
        await asked_on(client, middle, "Since when?")
        deleted = await client.delete(f"{middle}/conversation")
        left = (await client.get("/metier/runs")).json()["runs"]
    assert deleted.json() == {"deleted": 2}
    assert [each["question"] for each in left] == ["Where?", "An albatross?"]


async def test_a_run_is_stopped_by_its_id(tmp_path: Path) -> None:
    models = ScriptedModels({"small": [Stall("First words. ")]})
    ended: list[list[dict[str, Any]]] = []
    async with council(tmp_path, models=models) as asked, caller(asked) as client:

        async def wait() -> None:
            ended.append(await run(client, question("What is 2 + 2?")))

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            path = await stopped(client)
        again = await client.post(f"{path}/stop")
        shown = (await client.get(path)).json()
    assert ended[0][-1] == {
        "type": "error",
        "error": {"code": "run_stopped", "message": "the run was stopped"},
    }
    assert (again.status_code, again.json()["error"]["code"]) == (409, "not_running")
    assert shown["status"] == "cancelled"


async def stopped(client: httpx.AsyncClient) -> str:
    """Stop the run that is being answered, once it is known; its path."""
    with anyio.fail_after(20):
        while True:
            for each in (await client.get("/metier/runs")).json()["runs"]:
                path = f"/metier/runs/{each['id']}"
                reply = await client.post(f"{path}/stop")
                if reply.status_code == 200:
                    assert reply.json() == {"stopped": True}
                    return path
            await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("path", ["stop", "conversation"])
async def test_who_may_not_read_runs_may_not_end_them(tmp_path: Path, path: str) -> None:
    method = "POST" if path == "stop" else "DELETE"
    access = Access(key_sha256=hashed(KEY))
    key = {"authorization": f"Bearer {KEY}"}
    async with council(tmp_path) as asked, caller(asked, access=access) as client:
        events = await asked_with(client, key)
        url = f"/metier/runs/{events}/{path}"
        keyless = await client.request(method, url)
        headers = key | {"origin": "http://localhost:3000"}
        foreign = await client.request(method, url, headers=headers)
        wrong = await client.request("GET" if path == "stop" else "POST", url, headers=key)
        there = await client.get(f"/metier/runs/{events}", headers=key)
    assert [each.status_code for each in (keyless, foreign, wrong)] == [401, 403, 405]
    assert there.status_code == 200


async def asked_with(client: httpx.AsyncClient, headers: Mapping[str, str]) -> str:
    """The id of a run that was asked for with a key."""
    await client.post("/metier/runs", json=question("What is 2 + 2?"), headers=headers)
    return (await client.get("/metier/runs", headers=headers)).json()["runs"][0]["id"]


async def test_a_rating_is_kept_with_the_run(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        events = await run(client, {"plan": as_json(PLAN)})
        path = f"/metier/runs/{events[0]['run_id']}"
        rating = {"verdict": "bad", "step_id": "2", "expert": "math", "note": "no code"}
        await client.post(f"{path}/rating", json=rating)
        shown = (await client.get(path)).json()
    (kept,) = shown["ratings"]
    assert rating.items() <= kept.items()


@pytest.mark.parametrize(
    "rating",
    [
        {"verdict": "so so"},
        {"verdict": "good", "expert": "math", "step_id": "2"},
        {"verdict": "bad", "expert": "nobody", "step_id": "2"},
        {"verdict": "bad", "expert": "math"},
        {"verdict": "bad", "step_id": "9"},
    ],
)
async def test_a_rating_that_teaches_nothing_is_refused(
    tmp_path: Path, rating: dict[str, str]
) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        events = await run(client, {"plan": as_json(PLAN)})
        path = f"/metier/runs/{events[0]['run_id']}"
        reply = await client.post(f"{path}/rating", json=rating)
        shown = (await client.get(path)).json()
    assert 400 <= reply.status_code < 500
    assert shown["ratings"] == []


async def test_two_runs_are_compared(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        first = await run(client, {"plan": as_json(PLAN)})
        second = await run(client, {"plan": edited(as_json(PLAN), "2", task="Say it.")})
        path = f"/metier/runs/{first[0]['run_id']}/differences/{second[0]['run_id']}"
        found = (await client.get(path)).json()
    assert found["plan"] == ["step 2: task was 'Write code for it.' and is 'Say it.'"]
    assert found["versions"] == []
    assert found["answer"]


async def test_without_a_store_questions_are_answered_and_nothing_is_listed(
    tmp_path: Path,
) -> None:
    from bridges.kitchen import council as kitchen
    from bridges.kitchen import models

    async with kitchen(models(cooking=["An hour."])) as asked, caller(asked) as client:
        events = await run(client, question("How long does bread bake?", experts=["cooking"]))
        listed = (await client.get("/metier/runs")).json()
        shown = await client.get("/metier/runs/last")
    assert events[-1]["answer"]["text"] == "An hour."
    assert listed == {"kept": False, "runs": []}
    assert shown.status_code == 404


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "app://obsidian.md", "https://evil.example", "null"]
)
async def test_pages_of_others_read_no_runs(tmp_path: Path, origin: str) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        reply = await client.get("/metier/runs", headers={"origin": origin})
        preflight = await client.options(
            "/metier/runs/last",
            headers={"origin": origin, "access-control-request-method": "DELETE"},
        )
    assert reply.status_code == 403
    assert reply.json()["error"]["code"] == "foreign_origin"
    assert preflight.status_code == 403


async def test_the_page_itself_and_named_origins_do(tmp_path: Path) -> None:
    access = Access(origins=("https://chat.example",))
    async with council(tmp_path) as asked, caller(asked, access=access) as client:
        for origin in ("http://127.0.0.1:8413", "https://chat.example"):
            reply = await client.get("/metier/runs", headers={"origin": origin})
            assert reply.status_code == 200


async def test_with_a_key_only_the_pages_files_come_without_it(tmp_path: Path) -> None:
    access = Access(key_sha256=hashed(KEY))
    async with council(tmp_path) as asked, caller(asked, access=access) as client:
        page = await client.get("/", headers={"accept": "text/html"})
        style = await client.get("/page/index.html")
        for path in ("/metier/runs", "/metier/experts", "/metier/health", "/page", "/pages"):
            assert (await client.get(path)).status_code == 401
        runs = await client.get("/metier/runs", headers={"authorization": f"Bearer {KEY}"})
    assert page.status_code == style.status_code == runs.status_code == 200


DEEP = b'{"messages": ' + b"[" * 5000 + b"]" * 5000 + b"}"


@pytest.mark.parametrize("path", ["plan", "runs", "map", "runs/last/rating"])
@pytest.mark.parametrize(
    "body",
    [b"", b"hello", b"[]", b"null", b'{"question": 1, "messages": 1, "verdict": 1}', DEEP, b"\xff"],
)
async def test_a_body_that_nobody_should_send_is_refused_without_details(
    tmp_path: Path, path: str, body: bytes
) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        reply = await client.post(f"/metier/{path}", content=body)
    message = reply.json()["error"]["message"]
    assert 400 <= reply.status_code < 500
    assert 0 < len(message) < 2000
    assert not any(word in message for word in ("Traceback", "site-packages", ".py"))


class Hanging(FixedEmbedder):
    """An embedder that never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = anyio.Event()

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        self.asked.set()
        await anyio.sleep_forever()
        return await super().embed(texts, role=role)


@pytest.mark.parametrize("path", ["plan", "map"])
async def test_a_server_that_stops_says_so_to_who_waits(tmp_path: Path, path: str) -> None:
    embedder = Hanging()
    runs = Runs(4)
    asked = Council.of(
        [Expert(card("math"))],
        settings=settings_in(tmp_path),
        server=ScriptedModels(),
        embedder=embedder,
    )
    replies: list[httpx.Response] = []
    app = http_app(asked, runs=runs)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:

        async def wait() -> None:
            replies.append(await client.post(f"/metier/{path}", json=question("What is 2 + 2?")))

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await embedder.asked.wait()
            runs.cancel()
    assert replies[0].status_code == 503
    assert replies[0].json()["error"]["code"] == "server_stopping"
