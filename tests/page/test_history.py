"""The questions at the side: all of them, and gone for good when they are deleted."""

from __future__ import annotations

from pathlib import Path

from kept_runs import council
from page.browser import opened
from playwright.sync_api import Browser, Dialog, expect

from metier.runs.run import Versions
from metier.runs.store import RunStore


def test_more_than_the_newest_are_shown_when_they_are_asked_for(
    browser: Browser, tmp_path: Path
) -> None:
    store = RunStore(tmp_path / "runs.db")
    for number in range(1, 121):
        run = store.begin(
            f"{number:032x}", f"Question {number}?", Versions(metier="1", embedder="e")
        )
        store.end(run, "failed")
    with opened(browser, council(tmp_path, store=store)) as page:
        side = page.page.get_by_role("complementary")
        expect(side.locator("li a")).to_have_count(50)
        side.get_by_role("button", name="More").click()
        expect(side.locator("li a")).to_have_count(100)
        expect(side.get_by_role("button", name="More")).to_be_focused()
        side.get_by_role("button", name="More").click()
        expect(side.locator("li a")).to_have_count(120)
        expect(side.get_by_role("button", name="More")).to_have_count(0)
        expect(side.locator("li a").last).to_contain_text("Question 1?")


def test_a_conversation_is_deleted_with_all_its_questions(browser: Browser, tmp_path: Path) -> None:
    said: list[str] = []

    def accepted(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.accept()

    with opened(browser, council(tmp_path)) as page:
        for question in ("What is an albatross?", "Where does it live?", "Since when?"):
            page.ask(question)
        page.new_question()
        page.ask("What is a badger?")
        side = page.page.get_by_role("complementary")
        expect(side.locator("li a")).to_have_count(2)
        page.page.on("dialog", accepted)
        side.get_by_role("button", name="Delete: Since when?").click()
        expect(side.locator("li a")).to_have_count(1)
        expect(side.locator("li a")).to_contain_text("What is a badger?")
        expect(side.get_by_role("button", name="Delete: What is a badger?")).to_be_focused()
        expect(page.page.locator("#toast")).to_have_text("Deleted.")
        side.get_by_role("button", name="Delete: What is a badger?").click()
        expect(side.locator("li")).to_have_text("Nothing yet.")
    assert said == [
        "Delete “Since when?” and all 3 questions of its conversation for good?",
        "Delete “What is a badger?” for good?",
    ]
