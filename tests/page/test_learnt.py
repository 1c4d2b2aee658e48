"""What ratings teach, as the page shows it."""

from __future__ import annotations

from pathlib import Path

from page.browser import opened
from page.rated import rated_council
from playwright.sync_api import Browser, expect


def test_the_page_shows_which_questions_go_to_another_expert(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, rated_council(tmp_path, 60), path="/#/learnt") as page:
        main = page.page.get_by_role("main")
        expect(main).to_contain_text("who should answer 60 questions")
        expect(main).to_contain_text("To use it: metier learn ratings --apply")
        changed = page.page.get_by_role("table", name="Questions that go to another expert")
        assert changed.locator("tbody tr").count() > 10


def test_too_few_ratings_are_shown_as_such(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, rated_council(tmp_path, 3), path="/#/learnt") as page:
        expect(page.page.locator(".notice")).to_contain_text("at least 20")
