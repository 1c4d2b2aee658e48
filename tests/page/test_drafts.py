"""What was typed, attached and chosen stays until it is answered."""

from __future__ import annotations

from pathlib import Path

from kept_runs import council
from page.browser import Opened, opened
from playwright.sync_api import Browser, expect

FILE = {"name": "birds.txt", "mimeType": "text/plain", "buffer": b"The albatross glides."}


def is_there(page: Opened, question: str) -> None:
    expect(page.page.get_by_label("Question", exact=True)).to_have_value(question)
    expect(page.page.locator(".files li")).to_contain_text("birds.txt")


def test_a_draft_and_a_question_without_a_plan_survive_views_and_reload(
    browser: Browser, tmp_path: Path
) -> None:
    asked = council(tmp_path)
    with opened(browser, asked) as page:
        page.page.get_by_text("Expert, strategy, documents").click()
        page.page.get_by_label("Documents").set_input_files(FILE)
        page.page.get_by_label("Strategy", exact=True).select_option("vote")
        page.page.get_by_label("Question", exact=True).fill("What does it do?")
        page.page.get_by_role("link", name="Experts").click()
        expect(page.page.locator(".card").first).to_be_visible()
        page.page.get_by_role("link", name="Ask", exact=True).click()
        is_there(page, "What does it do?")
        page.page.reload()
        is_there(page, "What does it do?")
        page.page.get_by_text("Expert, strategy, documents").click()
        expect(page.page.get_by_label("Strategy", exact=True)).to_have_value("vote")
        page.page.route("**/metier/runs", lambda route: route.abort())
        page.ask("What does it do then?")
        expect(page.page.get_by_label("Question", exact=True)).to_have_value("")
        page.page.unroute("**/metier/runs")
        page.page.reload()
        is_there(page, "What does it do then?")
        page.page.get_by_role("button", name="Ask", exact=True).click()
        page.page.get_by_role("button", name="Ask again").wait_for()
        page.page.reload()
        expect(page.page.locator(".question")).to_have_text("What does it do then?")
        expect(page.page.get_by_label("Question", exact=True)).to_have_value("")
        page.errors.clear()
        assert asked.runs is not None
        plan = asked.runs.load("last").plan
    assert plan is not None
    assert [document.name for document in plan.documents] == ["birds.txt"]
    assert plan.steps[0].strategy == "vote"


def test_after_a_reload_a_question_is_asked_again_as_it_was(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, council(tmp_path)) as page:
        page.page.get_by_text("Expert, strategy, documents").click()
        page.page.get_by_label("Expert", exact=True).select_option("code")
        page.page.get_by_label("Strategy", exact=True).select_option("vote")
        page.ask("everything about math")
        page.page.reload()
        page.page.get_by_role("button", name="Ask again").click()
        who = page.page.locator(".step[data-state=done] .who")
        expect(who).to_contain_text("code · vote")
        page.page.reload()
        page.page.get_by_role("button", name="Edit the question").click()
        page.page.get_by_label("Question, changed").fill("everything about general")
        page.page.get_by_role("button", name="Ask this").click()
        expect(page.page.locator(".question")).to_have_text("everything about general")
        expect(who).to_contain_text("code · vote")
