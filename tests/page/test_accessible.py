"""The page for people who hear it, use it by keyboard, or need contrast: checked by axe-core.

Each state of the page is checked in light and dark, and as wide as a phone, where nothing may have
to be scrolled sideways.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from kept_runs import PLAN, council
from page.browser import Opened, browser_page, opened
from page.rated import rated_council
from page.test_browser import MARKDOWN, says
from playwright.sync_api import Browser, Page, expect
from serving.running_server import served

from metier.errors import ModelServerFailed
from metier.serving import Access
from metier.serving.access import hashed
from metier.testing import ScriptedModels
from metier.testing.models import Stall

WIDE = f"{MARKDOWN}\n\n{'x' * 400}\n\n    {'y' * 400}\n\n$${'z + ' * 60}1$$"
_WIDTHS = "[document.documentElement.scrollWidth, innerWidth]"


def check(page: Page) -> None:
    """See that the page as it is now has no violation, and fits on a phone."""
    for scheme, width in (("light", 1280), ("dark", 1280), ("dark", 360)):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 800})
        assert violations(page) == [], f"{scheme}, {width} pixels"
    shown, has = page.evaluate(_WIDTHS)
    assert shown <= has == 360
    page.set_viewport_size({"width": 1280, "height": 800})


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in found]


def type_question(page: Opened, question: str = "everything about math") -> None:
    page.page.get_by_label("Question", exact=True).fill(question)
    page.page.keyboard.press("Enter")


def test_an_answer_and_all_that_opens_beside_it(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path, models=says(WIDE))) as page:
        page.ask("everything about math")
        page.page.locator(".step").click()
        page.page.get_by_text("Expert, strategy, documents").click()
        page.page.get_by_label("Documents").set_input_files(
            {"name": "a.txt", "mimeType": "text/plain", "buffer": b"A text."}
        )
        page.page.get_by_role("button", name="Bad answer…").click()
        page.page.get_by_role("button", name="Change the plan").click()
        page.page.get_by_label("Task of step 1").wait_for()
        page.page.get_by_role("button", name="Edit the question").click()
        expect(page.page.locator(".files li")).to_have_count(1)
        check(page.page)


def test_a_pair_with_differences_and_an_earlier_conversation(
    browser: Browser, tmp_path: Path
) -> None:
    asked = council(tmp_path)
    asked.run_sync(PLAN)
    assert asked.runs is not None
    with opened(browser, asked, path=f"/#/run/{asked.runs.load('last').id}") as page:
        page.page.get_by_role("button", name="Change the plan").click()
        page.page.get_by_label("Task of step 2").fill("Write it in C.")
        page.page.get_by_role("button", name="Run this plan").click()
        page.page.get_by_role("table", name="Differences").wait_for()
        check(page.page)
        page.new_question()
        page.ask("What is an albatross?")
        page.ask("Where does it live?")
        page.page.reload()
        expect(page.page.get_by_role("link", name="Plan and sources")).to_be_visible()
        check(page.page)


def test_a_turn_that_runs_stops_or_fails(browser: Browser, tmp_path: Path) -> None:
    words = [Stall("First words. "), *[ModelServerFailed("it broke")] * 3]
    models = ScriptedModels({"small": words})
    with opened(browser, council(tmp_path, models=models)) as page:
        type_question(page)
        expect(page.page.locator(".answer")).to_contain_text("First words.")
        check(page.page)
        page.page.get_by_role("button", name="Stop").click()
        expect(page.page.locator(".foot")).to_contain_text("Stopped.")
        check(page.page)
        page.page.get_by_role("button", name="Ask again").click()
        expect(page.page.locator(".step[data-state=failed]")).to_have_count(1)
        page.page.locator(".step").click()
        expect(page.page.locator(".panel")).to_contain_text("it broke")
        check(page.page)


def test_answers_in_columns(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path, models=says(WIDE)), path="/#/compare") as page:
        page.page.get_by_label("Question for all").fill("everything about math")
        for name in ("math", "code"):
            page.page.get_by_label(name, exact=True).check()
        page.page.get_by_label("Hide who is who").check()
        page.page.get_by_role("button", name="Compare", exact=True).click()
        page.page.get_by_role("button", name="Answer B is best").wait_for()
        check(page.page)
        page.page.get_by_role("button", name="Answer B is best").click()
        expect(page.page.locator(".columns")).to_contain_text("Chosen, and rated good.")
        check(page.page)


def test_the_experts_with_a_question_on_the_map(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path), path="/#/experts") as page:
        page.page.get_by_label("Where does this question lie?").fill("everything about math")
        page.page.get_by_role("button", name="Show").click()
        expect(page.page.locator(".asked")).to_have_count(1)
        expect(page.page.locator(".checks")).to_be_visible()
        for summary in page.page.locator("main summary").all():
            summary.click()
        expect(page.page.locator(".card[open]").last).to_contain_text("Code:")
        check(page.page)


def test_what_ratings_teach(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, rated_council(tmp_path, 60), path="/#/learnt") as page:
        page.page.get_by_role("table", name="Questions that go to another expert").wait_for()
        check(page.page)


def test_the_question_for_the_key(browser: Browser, tmp_path: Path) -> None:
    access = Access(key_sha256=hashed("a-key-of-enough-characters"))
    with served(council(tmp_path), access=access) as address, browser_page(browser) as page:
        page.goto(address)
        page.get_by_label("Key, as").wait_for()
        check(page)


@pytest.mark.parametrize("view", ["/", "/#/compare", "/#/experts", "/#/learnt"])
def test_a_view_in_which_nothing_was_done(browser: Browser, tmp_path: Path, view: str) -> None:
    with opened(browser, council(tmp_path), path=view) as page:
        page.page.wait_for_load_state("networkidle")
        check(page.page)
        page.page.set_viewport_size({"width": 360, "height": 800})
        page.page.get_by_role("button", name="History").click()
        expect(page.page.get_by_label("Search earlier questions")).to_be_visible()
        check(page.page)
