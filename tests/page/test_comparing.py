"""A comparison that is left, opened again, and judged later."""

from __future__ import annotations

from pathlib import Path

from kept_runs import council
from page.browser import opened
from playwright.sync_api import Browser, expect

from metier.testing import ScriptedModels
from metier.testing.models import Stall

MODELS = {"small": "llama", "all-minilm": "bert", "embeddinggemma": "gemma3"}


def test_a_comparison_survives_another_view_and_a_reload(browser: Browser, tmp_path: Path) -> None:
    listed = [{"name": name, "family": family} for name, family in MODELS.items()]
    models = ScriptedModels({"small": ["four", "five", Stall("six ")]})
    asked = council(tmp_path, models=models)
    with opened(browser, asked, path="/#/compare") as page:
        page.page.route(
            "**/metier/models",
            lambda route: route.fulfill(json={"models": listed}),
        )
        page.page.reload()
        expect(page.page.get_by_label("the council on small")).to_be_visible()
        expect(page.page.get_by_label("all-minilm")).to_have_count(0)
        expect(page.page.get_by_label("embeddinggemma")).to_have_count(0)
        page.page.get_by_label("Question for all").fill("everything about math")
        for name in ("math", "code", "general"):
            page.page.get_by_label(name, exact=True).check()
        page.page.get_by_label("Hide who is who").check()
        page.page.get_by_role("button", name="Compare", exact=True).click()
        columns = page.page.locator(".columns .turn")
        expect(columns.nth(2)).to_contain_text("six")
        page.page.get_by_role("link", name="Experts").click()
        expect(page.page.locator(".card").first).to_be_visible()
        page.page.get_by_role("link", name="Compare").click()
        expect(columns.nth(2)).to_contain_text("six")
        assert models.closed_early == []
        other = page.page.context.new_page()
        other.goto(page.page.url)
        expect(other.locator(".columns .turn")).to_have_count(3)
        expect(other.get_by_role("button", name="Ask again")).to_have_count(0)
        other.get_by_role("button", name="Stop").click()
        expect(other.get_by_role("button", name="Answer A is best")).to_be_visible()
        page.page.get_by_role("button", name="Answer A is best").wait_for()
        page.page.reload()
        expect(columns).to_have_count(3)
        expect(columns.locator("h3")).to_have_text(["Answer A", "Answer B", "Answer C"])
        expect(columns.locator(".answer")).to_have_text(["four", "five", "six"])
        page.page.get_by_role("button", name="Answer B is best").click()
        expect(columns.nth(1)).to_contain_text("Chosen, and rated good.")
        expect(columns.nth(1).locator("h3")).to_be_focused()
        page.page.reload()
        expect(columns.nth(1)).to_contain_text("Chosen, and rated good.")
        expect(page.page.get_by_role("button", name="is best")).to_have_count(0)
        assert asked.runs is not None
        ratings = [rating for run in asked.runs.newest() for rating in run.ratings]
    (rating,) = ratings
    assert rating.verdict == "good"
    assert rating.note.startswith("preferred to ")
    assert rating.note.endswith(", blind")
