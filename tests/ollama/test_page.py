"""The page in a real Chromium, on a real Ollama: the three journeys that people make."""

from __future__ import annotations

import pytest
from page.browser import CHROMIUM, browsing, opened
from playwright.sync_api import expect

from metier import Council, Settings
from metier.runs.store import RunStore

QUESTION = "A patient weighs 70 kg and needs 15 mg/kg of paracetamol. What is one dose in mg?"


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt install chromium")
def test_people_ask_change_the_plan_and_compare(ollama_settings: Settings) -> None:
    asked = Council.from_installed(ollama_settings, runs=RunStore.of(ollama_settings))
    with browsing() as browser, opened(browser, asked) as page:
        page.page.set_default_timeout(300_000)
        expect.set_options(timeout=300_000)
        page.ask(QUESTION)
        expect(page.page.locator(".answer")).to_contain_text("1050")
        page.page.locator(".step").first.click()
        expect(page.page.get_by_role("table", name="Who was considered")).to_contain_text("math")

        page.page.get_by_role("button", name="Change the plan").click()
        page.page.get_by_label("Expert of step 1").select_option("general")
        page.page.get_by_role("button", name="Run this plan").click()
        differences = page.page.get_by_role("table", name="Differences")
        expect(differences).to_contain_text("step 1: expert was 'math' and is 'general'")

        page.page.get_by_role("link", name="Compare").click()
        page.page.get_by_label("Question for all").fill("What is 15% of 80?")
        page.page.get_by_label("math", exact=True).check()
        page.page.get_by_label("general", exact=True).check()
        page.page.get_by_role("button", name="Compare", exact=True).click()
        page.page.get_by_role("button", name="Answer A is best").click()
        expect(page.page.locator(".columns")).to_contain_text("Chosen, and rated good.")
        assert asked.runs is not None
        ratings = [rating.verdict for run in asked.runs.newest() for rating in run.ratings]
    assert ratings == ["good"]
