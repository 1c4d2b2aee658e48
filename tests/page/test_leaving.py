"""Keys, other tabs, and servers that go and come back."""

from __future__ import annotations

from pathlib import Path

from kept_runs import council
from page.browser import browser_page
from page.relay import relayed
from playwright.sync_api import Browser, expect
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


def test_another_tab_sees_a_run_and_its_end(browser: Browser, tmp_path: Path) -> None:
    models = ScriptedModels({"small": [Stall("First words. ")]})
    with served(council(tmp_path, models=models)) as address, browser_page(browser) as page:
        page.goto(address)
        page.get_by_label("Question", exact=True).fill("everything about math")
        page.keyboard.press("Enter")
        expect(page.locator(".answer")).to_contain_text("First words.")
        with browser_page(browser) as other:
            other.goto(page.url)
            expect(other.locator(".foot")).to_contain_text("This is being answered elsewhere.")
            page.get_by_role("button", name="Stop").click()
            expect(other.locator(".foot")).to_contain_text("Stopped.")


def test_a_run_goes_on_while_another_view_is_looked_at(browser: Browser, tmp_path: Path) -> None:
    models = ScriptedModels({"small": [Stall("First words. ")]})
    asked = council(tmp_path, models=models)
    with served(asked) as address, browser_page(browser) as page:
        page.goto(address)
        page.get_by_label("Question", exact=True).fill("everything about math")
        page.keyboard.press("Enter")
        expect(page.locator(".answer")).to_contain_text("First words.")
        expect(page.get_by_role("button", name="Ask", exact=True)).to_be_disabled()
        page.get_by_role("link", name="Experts").click()
        expect(page.locator(".card").first).to_be_visible()
        page.go_back()
        expect(page.locator(".foot")).to_contain_text("This is being answered elsewhere.")
        assert models.closed_early == []


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
