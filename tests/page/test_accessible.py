"""The page for people who hear it, use it by keyboard, or need contrast: checked by axe-core."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from kept_runs import council
from page.browser import Opened, opened
from page.test_browser import MARKDOWN, says
from playwright.sync_api import Browser


def violations(page: Opened) -> list[str]:
    found = Axe().run(page.page).response["violations"]
    return [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in found]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_an_answer_and_all_that_opens_beside_it_has_no_violation(
    browser: Browser, tmp_path: Path, dark: bool
) -> None:
    with opened(browser, council(tmp_path, models=says(MARKDOWN)), dark=dark) as page:
        page.ask("everything about math")
        page.page.locator(".step").click()
        page.page.get_by_text("Expert, strategy, documents").click()
        page.page.get_by_role("button", name="Bad answer…").click()
        page.page.get_by_role("button", name="Change the plan").click()
        page.page.get_by_label("Task of step 1").wait_for()
        page.page.get_by_role("button", name="Edit the question").click()
        assert violations(page) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("view", ["/", "/#/compare", "/#/experts", "/#/learnt"])
def test_no_view_has_a_violation(browser: Browser, tmp_path: Path, view: str, dark: bool) -> None:
    with opened(browser, council(tmp_path), dark=dark, path=view) as page:
        page.page.wait_for_load_state("networkidle")
        for summary in page.page.locator("main summary").all():
            summary.click()
        assert violations(page) == []
