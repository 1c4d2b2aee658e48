"""Keys, other tabs, and servers that go and come back."""

from __future__ import annotations

import re
from pathlib import Path

from kept_runs import council
from page.browser import browser_page
from page.relay import relayed
from playwright.sync_api import Browser, Route, expect
from serving.running_server import served

from metier.serving import Access
from metier.serving.access import hashed
from metier.testing import ScriptedModels
from metier.testing.models import Stall

KEY = "a-key-of-enough-characters"


def test_the_page_asks_for_the_key_and_keeps_it_in_its_tab(
    browser: Browser, tmp_path: Path
) -> None:
    access = Access(key_sha256=hashed(KEY))
    with served(council(tmp_path), access=access) as address, browser_page(browser) as page:
        page.goto(address)
        page.get_by_label("Key, as").fill("a-key-that-is-not-the-one")
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_role("heading", name="This key is wrong")).to_be_visible()
        page.get_by_label("Key, as").fill(KEY)
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_text("Nothing yet.")).to_be_visible()
        page.reload()
        expect(page.get_by_text("Nothing yet.")).to_be_visible()
        assert page.evaluate("Object.keys(localStorage)") == []


def test_another_tab_sees_a_run_and_stops_it(browser: Browser, tmp_path: Path) -> None:
    models = ScriptedModels({"small": [Stall("First words. ")]})
    with served(council(tmp_path, models=models)) as address, browser_page(browser) as page:
        page.goto(address)
        page.get_by_label("Question", exact=True).fill("everything about math")
        page.keyboard.press("Enter")
        expect(page.locator(".answer")).to_contain_text("First words.")
        with browser_page(browser) as other:
            other.goto(page.url)
            expect(other.locator(".foot")).to_contain_text("This is being answered elsewhere.")
            other.get_by_role("button", name="Stop").click()
            expect(page.locator(".foot")).to_have_text("Stopped.")
            expect(other.locator(".foot")).to_contain_text("Stopped.")
            expect(other.get_by_role("button", name="Run the rest")).to_be_focused()


def test_a_run_goes_on_while_another_view_is_looked_at(browser: Browser, tmp_path: Path) -> None:
    models = ScriptedModels({"small": [Stall("First words. ")]})
    asked = council(tmp_path, models=models)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    with served(asked) as address, browser_page(browser) as page:
        page.goto(address)
        page.route("**/metier/runs", hold)
        page.get_by_label("Question", exact=True).fill("everything about math")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Experts").click()
        expect(page.locator(".card").first).to_be_visible()
        with page.expect_response("**/metier/runs"):
            held[0].continue_()
        page.unroute("**/metier/runs")
        expect(page).to_have_url(re.compile("#/experts$"))
        page.get_by_role("link", name="Ask", exact=True).click()
        expect(page.locator(".answer")).to_contain_text("First words.")
        expect(page).to_have_url(re.compile("#/run/[0-9a-f]{32}$"))
        expect(page.get_by_role("button", name="Ask", exact=True)).to_be_disabled()
        page.get_by_role("link", name="Experts").click()
        expect(page.locator(".card").first).to_be_visible()
        page.go_back()
        expect(page.locator(".foot")).to_contain_text("math is answering step 1")
        assert models.closed_early == []
        page.get_by_role("link", name="Learnt").click()
        page.get_by_role("link", name="Ask", exact=True).click()
        expect(page.locator(".answer")).to_contain_text("First words.")
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".foot")).to_have_text("Stopped.")


def test_a_server_that_is_gone_in_the_middle_is_named_and_nothing_is_lost(
    browser: Browser, tmp_path: Path
) -> None:
    models = ScriptedModels({"small": [Stall("First words. ")]})
    asked = council(tmp_path, models=models)
    with served(asked) as address, browser_page(browser) as page:
        with relayed(address) as relay:
            page.goto(relay.address)
            page.get_by_label("Question", exact=True).fill("everything about math")
            page.keyboard.press("Enter")
            expect(page.locator(".answer")).to_contain_text("First words.")
            relay.cut()
        expect(page.get_by_role("alert")).to_contain_text("What was answered so far is kept.")
        expect(page.locator(".answer")).to_contain_text("First words.")
        page.get_by_role("button", name="Ask again").click()
        expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
        path = page.url.partition("#")[2]
        page.goto(f"{address}/#{path}")
        expect(page.locator(".answer")).to_contain_text("First words.")
        expect(page.locator(".foot")).to_contain_text("Stopped.")


def test_after_a_restart_in_the_middle_the_rest_is_run(browser: Browser, tmp_path: Path) -> None:
    stalled = council(tmp_path, models=ScriptedModels({"small": [Stall("First words. ")]}))
    with served(stalled) as first, browser_page(browser) as page, relayed(first) as relay:
        page.goto(relay.address)
        page.get_by_label("Question", exact=True).fill("everything about math")
        page.keyboard.press("Enter")
        expect(page.locator(".answer")).to_contain_text("First words.")
        with served(council(tmp_path)) as second:
            relay.lead(second)
            expect(page.get_by_role("alert")).to_contain_text("The connection broke.")
            page.get_by_role("button", name="Run the rest").click()
            expect(page.locator(".step[data-state=done]")).to_have_count(1)
            expect(page.locator("#status")).to_have_text("The answer is complete.")
            page.reload()
            expect(page.locator(".step[data-state=done]")).to_have_count(1)


def test_a_reload_in_the_middle_loses_nothing(browser: Browser, tmp_path: Path) -> None:
    models = ScriptedModels({"small": [Stall("First words. "), "All of it."]})
    with served(council(tmp_path, models=models)) as address, browser_page(browser) as page:
        page.goto(address)
        page.get_by_label("Question", exact=True).fill("everything about math")
        page.keyboard.press("Enter")
        expect(page.locator(".answer")).to_contain_text("First words.")
        page.reload()
        expect(page.locator(".question")).to_have_text("everything about math")
        expect(page.locator(".foot")).to_contain_text("Stopped.")
        expect(page.locator(".answer")).to_contain_text("First words.")
        page.get_by_role("button", name="Run the rest").click()
        expect(page.locator(".answer")).to_have_text("All of it.")


def test_a_slow_answer_says_who_is_at_work_and_for_how_long(
    browser: Browser, tmp_path: Path
) -> None:
    models = ScriptedModels({"small": [Stall("")]})
    with served(council(tmp_path, models=models)) as address, browser_page(browser) as page:
        page.goto(address)
        page.get_by_label("Question", exact=True).fill("everything about math")
        page.keyboard.press("Enter")
        expect(page.locator(".foot")).to_contain_text("math is answering step 1… 1 s")
        expect(page.locator(".foot")).to_contain_text("math is answering step 1… 2 s")
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".foot")).to_have_text("Stopped.")


def test_a_server_that_does_not_reply_yet_says_planning(browser: Browser, tmp_path: Path) -> None:
    with served(council(tmp_path)) as address, browser_page(browser) as page:
        page.goto(address)
        page.route("**/metier/runs", lambda route: None)
        page.get_by_label("Question", exact=True).fill("everything about math")
        page.keyboard.press("Enter")
        expect(page.locator(".foot")).to_contain_text("Planning… 1 s")
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".foot")).to_have_text("Stopped.")


def test_a_run_that_another_tab_deleted_is_said_to_be_gone(
    browser: Browser, tmp_path: Path
) -> None:
    asked = council(tmp_path)
    with served(asked) as address, browser_page(browser) as page:
        page.goto(address)
        page.get_by_label("Question", exact=True).fill("everything about math")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Ask again").wait_for()
        with browser_page(browser) as other:
            other.goto(address)
            other.on("dialog", lambda dialog: dialog.accept())
            other.get_by_role("button", name="Delete: everything about math").click()
            expect(other.get_by_text("Nothing yet.")).to_be_visible()
        expect(page.locator(".question")).to_have_text("everything about math")
        page.reload()
        expect(page.get_by_role("alert")).to_contain_text("no run has an id")
