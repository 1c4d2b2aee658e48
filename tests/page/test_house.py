"""The endpoints that say who is there and whether it works."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluating.test_ratings import month
from kept_runs import card, council
from page.asking import caller
from page.rated import rated_council

from metier.council.health import examined
from metier.evaluating.ratings import RatedRouting
from metier.experts.expert import Expert
from metier.merging.health import merge_checks
from metier_math import Math

pytestmark = pytest.mark.anyio


async def test_experts_are_shown_with_their_cards(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        house = (await client.get("/metier/experts")).json()
    assert [card["id"] for card in house["experts"]] == ["general", "math", "code"]
    assert house["experts"][1]["capabilities"][0]["description"] == "everything about math"
    assert {"single", "vote"} <= set(house["strategies"])


async def test_health_says_what_each_expert_runs_on(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        health = (await client.get("/metier/health")).json()
        models = (await client.get("/metier/models")).json()
    assert health["server"]["problem"] == ""
    assert health["keeps_runs"] is True
    assert {"id": "math", "model": "small", "problem": ""} in health["experts"]
    assert {model["name"] for model in models["models"]} >= {"small", "other"}


async def test_health_counts_the_documents_of_each_domain(tmp_path: Path) -> None:
    (tmp_path / "guide.md").write_text("# Birds\n\nThe albatross glides.")
    async with council(tmp_path) as asked, caller(asked) as client:
        await asked.knowledge.base("math").add(tmp_path / "guide.md")
        damaged = asked.knowledge.folder / "code"
        damaged.mkdir(parents=True)
        for file in (asked.knowledge.folder / "math").iterdir():
            (damaged / file.name).write_bytes(b"damaged")
        health = (await client.get("/metier/health")).json()
    code, math = health["knowledge"]
    assert math == {"domain": "math", "documents": 1, "names": ["guide.md"], "problem": ""}
    assert (code["domain"], code["documents"]) == ("code", 0)
    assert code["problem"]
    assert str(tmp_path) not in code["problem"]


async def test_the_checks_are_those_of_the_doctor_without_paths(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        reply = await client.get("/metier/checks")
        examined_too = [*await examined(asked), *await merge_checks(asked)]
    found = reply.json()["checks"]
    assert [(each["name"], each["ok"]) for each in found] == [
        (each.name, each.ok) for each in examined_too
    ]
    (index,) = (each for each in found if each["name"] == "index")
    assert (index["ok"], index["fix"]) == (False, "metier index build")
    assert str(tmp_path) not in reply.text


async def test_an_expert_is_shown_with_its_tools_and_the_version_of_its_code(
    tmp_path: Path,
) -> None:
    experts = [Expert(card("general")), Math(card("math"))]
    async with council(tmp_path, *experts) as asked, caller(asked) as client:
        math = (await client.get("/metier/experts/math")).json()
        general = (await client.get("/metier/experts/general")).json()
        nobody = await client.get("/metier/experts/nobody")
    assert "convert" in {each["name"] for each in math["tools"]}
    assert all(each["description"] for each in math["tools"])
    assert math["version"] == "metier_math.expert.Math"
    assert general["tools"] == []
    assert nobody.status_code == 404


@pytest.mark.parametrize(
    ("expert", "name", "quote", "found"),
    [
        ("general", "birds.md", "over the sea for weeks", "over the\nsea for weeks"),
        ("general", "birds.md", "over the northern sea", ""),
        ("general", "../birds.md", "over the sea for weeks", ""),
        ("math", "birds.md", "over the sea for weeks", ""),
        ("../general", "birds.md", "over the sea for weeks", ""),
    ],
)
async def test_a_passage_is_looked_up_in_the_experts_own_documents(
    tmp_path: Path, expert: str, name: str, quote: str, found: str
) -> None:
    (tmp_path / "birds.md").write_text("The <i>bird</i> flies over the\nsea for weeks.")
    async with council(tmp_path) as asked, caller(asked) as client:
        await asked.knowledge.base("general").add(tmp_path / "birds.md")
        body = {"expert": expert, "name": name, "quote": quote}
        reply = (await client.post("/metier/passage", json=body)).json()
    assert reply["quote"] == found
    assert reply["before"].endswith("<i>bird</i> flies ") is bool(found)


async def test_the_map_has_every_capability_and_the_question(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        body = {"question": "everything about math"}
        found = (await client.post("/metier/map", json=body)).json()
        without = (await client.post("/metier/map", json={})).json()
    assert {place["expert"] for place in found["places"]} == {"general", "math", "code"}
    assert all(-1 <= place[axis] <= 1 for place in found["places"] for axis in "xy")
    assert found["nearest"][0]["expert"] == "math"
    assert 0 < found["kept"] <= 1.0001
    assert without["question"] is None


async def test_without_ratings_there_is_nothing_to_learn(tmp_path: Path) -> None:
    async with rated_council(tmp_path, 0) as asked, caller(asked) as client:
        found = (await client.get("/metier/learnt")).json()
    assert found["ratings"] is None


async def test_what_ratings_teach_is_read_and_never_changed_over_http(tmp_path: Path) -> None:
    writing = ("POST", "PUT", "PATCH", "DELETE")
    async with rated_council(tmp_path, 60) as asked, caller(asked) as client:
        found = (await client.get("/metier/learnt")).json()
        refused = [(await client.request(each, "/metier/learnt")).status_code for each in writing]
        applied = asked.planning.artefacts.has("ratings")
    assert (found["ratings"]["n"], found["ratings"]["useless"]) == (60, 0)
    assert refused == [405] * len(writing)
    assert not applied
    assert str(tmp_path) not in str(found)


async def test_what_was_learnt_is_listed(tmp_path: Path) -> None:
    async with rated_council(tmp_path, 60) as asked, caller(asked) as client:
        asked.planning.keep((await RatedRouting.of(asked, month(60, seed=1))).learnt())
        found = (await client.get("/metier/learnt")).json()
    listed = {each["name"]: each["problem"] for each in found["learnt"]}
    assert listed["ratings"] == ""
