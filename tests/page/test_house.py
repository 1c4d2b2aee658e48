"""The endpoints that say who is there and whether it works."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept_runs import council
from page.asking import caller

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
    assert math == {"domain": "math", "documents": 1, "problem": ""}
    assert (code["domain"], code["documents"]) == ("code", 0)
    assert code["problem"]
    assert str(tmp_path) not in code["problem"]


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
