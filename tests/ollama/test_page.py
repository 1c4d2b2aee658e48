"""The page in a real Chromium, on a real Ollama: the three journeys that people make."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from page.browser import CHROMIUM, Opened, browsing, opened
from playwright.sync_api import expect

from metier import Council, Settings
from metier.runs.store import RunStore

LEAFLET = (
    "Leaflet of the ward. Tablets of paracetamol are kept in the blue cupboard beside the door. "
    "Syrup is kept in the refrigerator at four degrees and is thrown away after six months."
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt install chromium")


@pytest.fixture
def council(ollama_settings: Settings) -> Council:
    return Council.from_installed(ollama_settings, runs=RunStore.of(ollama_settings))


@pytest.fixture
def page(council: Council) -> Iterator[Opened]:
    expect.set_options(timeout=90_000)
    with browsing() as browser, opened(browser, council) as found:
        found.page.set_default_timeout(300_000)
        yield found
    expect.set_options(timeout=5_000)


def test_people_ask_and_read_the_sources(page: Opened) -> None:
    page.page.get_by_text("Expert, strategy, documents").click()
    page.page.get_by_label("Documents").set_input_files(
        {"name": "leaflet.txt", "mimeType": "text/plain", "buffer": LEAFLET.encode()}
    )
    page.ask("Where are the tablets of paracetamol kept?")
    expect(page.page.locator(".answer")).to_contain_text("cupboard")
    sources = page.page.locator(".foot .sources li")
    expect(sources.filter(has_text="safety notes on paracetamol").first).to_be_visible()


def test_people_change_the_plan_and_run_it(page: Opened) -> None:
    page.ask("A patient weighs 70 kg and needs 15 mg/kg of paracetamol. What is one dose in mg?")
    expect(page.page.locator(".answer")).to_contain_text("1050")
    page.page.locator(".step").first.click()
    expect(page.page.get_by_role("table", name="Who was considered")).to_contain_text("math")
    page.page.get_by_role("button", name="Change the plan").click()
    page.page.get_by_label("Expert of step 1").select_option("general")
    page.page.get_by_role("button", name="Run this plan").click()
    differences = page.page.get_by_role("table", name="Differences")
    expect(differences).to_contain_text("step 1: expert was 'math' and is 'general'")
    expect(page.page.locator(".turn").nth(1).locator(".answer")).not_to_be_empty()


def test_people_compare_two_strategies_and_rate(page: Opened, council: Council) -> None:
    page.page.get_by_role("link", name="Compare").click()
    page.page.get_by_label("Question for all").fill("What is 15% of 80?")
    page.page.get_by_label("the council, single").check()
    page.page.get_by_label("the council, vote").check()
    page.page.get_by_role("button", name="Compare", exact=True).click()
    page.page.get_by_role("button", name="Answer A is best").click()
    expect(page.page.locator(".columns")).to_contain_text("Chosen, and rated good.")
    assert council.runs is not None
    rated = [(run.question, each.verdict) for run in council.runs.newest() for each in run.ratings]
    assert rated == [("What is 15% of 80?", "good")]
