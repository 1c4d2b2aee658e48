"""What an answer rests on: the quoted passage in its document, and what was checked."""

from __future__ import annotations

from pathlib import Path

from anyio.from_thread import start_blocking_portal
from kept_runs import card, council
from page.browser import opened
from playwright.sync_api import Browser, expect

from metier.experts.expert import Expert
from metier.testing import ScriptedModels

GUIDE = (
    "# Birds\n\nThe albatross <i>glides</i> over the\nsouthern sea for weeks. It lands to breed.\n"
)
QUOTE = "over the southern sea for weeks"
SAYS = f'Far: "{QUOTE}".'


def test_the_quoted_passage_of_a_document_is_marked(browser: Browser, tmp_path: Path) -> None:
    models = ScriptedModels({"small": lambda _: SAYS})
    with opened(browser, council(tmp_path, models=models)) as page:
        page.page.get_by_text("Expert, strategy, documents").click()
        page.page.get_by_label("Documents").set_input_files(
            {"name": "birds.txt", "mimeType": "text/plain", "buffer": GUIDE.encode()}
        )
        page.ask("Where does everything about math fly?")
        foot = page.page.locator(".foot .sources li")
        expect(foot).to_contain_text("birds.txt, lines 3–4")
        expect(foot.locator("mark")).to_have_text(QUOTE)
        page.page.locator(".step").click()
        panel = page.page.get_by_role("region", name="Step 1", exact=True)
        expect(panel.locator("mark")).to_have_text("over the\nsouthern sea for weeks")
        expect(panel.locator(".sources li")).to_contain_text("The albatross <i>glides</i> over")
        expect(panel.locator(".sources li")).to_contain_text("for weeks. It lands to breed.")
        expect(panel).to_contain_text("Checked: quote found in the document.")
        expect(page.page.locator(".step")).to_contain_text("✓ ")
        expect(page.page.get_by_role("button", name="Step 1, math, done, checked")).to_be_visible()


def test_the_quoted_passage_of_the_knowledge_is_marked_with_what_stands_around_it(
    browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "birds.md").write_text(GUIDE)
    models = ScriptedModels({"small": lambda _: SAYS})
    asked = council(tmp_path, Expert(card("general")), models=models)
    with start_blocking_portal() as portal:
        portal.call(asked.knowledge.base("general").add, tmp_path / "birds.md")
    with opened(browser, asked) as page:
        page.ask("Where does the albatross glide over the southern sea for weeks?")
        page.page.locator(".step").click()
        source = page.page.get_by_role("region", name="Step 1").locator(".sources li")
        expect(source).to_contain_text("The albatross <i>glides</i> over")
        expect(source.locator("mark")).to_have_text("over the\nsouthern sea for weeks")


def test_what_no_check_confirmed_is_said(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path)) as page:
        page.ask("everything about math")
        page.page.locator(".step").click()
        panel = page.page.get_by_role("region", name="Step 1", exact=True)
        expect(panel).to_contain_text("No check confirmed this result.")
        expect(page.page.locator(".step")).not_to_contain_text("✓")
