"""Each view used by keyboard alone: nothing here presses a mouse button."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept_runs import council
from page.browser import Opened, browser_page, opened
from page.rated import rated_council
from playwright.sync_api import Browser, Locator, expect
from serving.running_server import served

from metier.serving import Access
from metier.serving.access import hashed
from metier.testing import ScriptedModels
from metier.testing.models import Stall

# More elements than any view has.
MOST = 400


def reach(page: Opened, wanted: Locator, *, key: str = "Tab") -> None:
    """Move the focus to an element as people do who have no mouse."""
    wanted.wait_for()
    for _ in range(MOST):
        if wanted.evaluate("node => node === document.activeElement"):
            return
        page.page.keyboard.press(key)
    raise AssertionError(f"{wanted} is not reached with {key}")


def press(page: Opened, name: str, *, key: str = "Enter") -> None:
    """Reach the button of that name, or else the link, and press it."""
    buttons = page.page.get_by_role("button", name=name, exact=True)
    links = page.page.get_by_role("link", name=name, exact=True)
    buttons.or_(links).first.wait_for()
    reach(page, buttons if buttons.count() else links)
    page.page.keyboard.press(key)


def type_into(page: Opened, label: str, text: str) -> None:
    reach(page, page.page.get_by_label(label, exact=True))
    page.page.keyboard.type(text)


def ask(page: Opened, question: str) -> None:
    """Ask it where the focus is after the page was opened."""
    page.page.get_by_label("Question", exact=True).wait_for()
    page.page.keyboard.type(question)
    page.page.keyboard.press("Enter")
    page.page.get_by_role("button", name="Ask again").wait_for()


def test_a_question_is_asked_and_a_step_opened(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path)) as page:
        ask(page, "everything about math")
        reach(page, page.page.locator(".step"), key="Shift+Tab")
        page.page.keyboard.press("Enter")
        expect(page.page.get_by_role("region", name="Step 1", exact=True)).to_be_visible()


def test_a_run_is_stopped(browser: Browser, tmp_path: Path) -> None:
    models = ScriptedModels({"small": [Stall("First words. ")]})
    with opened(browser, council(tmp_path, models=models)) as page:
        page.page.get_by_label("Question", exact=True).wait_for()
        page.page.keyboard.type("everything about math")
        page.page.keyboard.press("Enter")
        expect(page.page.locator(".answer")).to_contain_text("First words.")
        reach(page, page.page.get_by_role("button", name="Stop"), key="Shift+Tab")
        page.page.keyboard.press("Enter")
        expect(page.page.locator(".foot")).to_have_text("Stopped.")


def test_a_plan_is_changed_and_run(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path)) as page:
        ask(page, "everything about math")
        reach(page, page.page.get_by_role("button", name="Change the plan"), key="Shift+Tab")
        page.page.keyboard.press("Enter")
        expect(page.page.get_by_label("Task of step 1")).to_be_focused()
        type_into(page, "Expert of step 1", "code")
        press(page, "Run this plan")
        differences = page.page.get_by_role("table", name="Differences")
        expect(differences).to_contain_text("step 1: expert was 'math' and is 'code'")


def test_an_answer_is_rated(browser: Browser, tmp_path: Path) -> None:
    asked = council(tmp_path)
    with opened(browser, asked) as page:
        ask(page, "everything about math")
        reach(page, page.page.get_by_role("button", name="Bad answer…"), key="Shift+Tab")
        page.page.keyboard.press("Enter")
        type_into(page, "Who should have answered", "code")
        press(page, "Send")
        expect(page.page.locator(".bar")).to_contain_text("Rated bad.")
        assert asked.runs is not None
        (rating,) = asked.runs.load("last").ratings
    assert (rating.verdict, rating.expert) == ("bad", "code")


def test_an_earlier_question_is_found_and_opened(browser: Browser, tmp_path: Path) -> None:
    asked = council(tmp_path)
    for question in ("What is an albatross?", "What is a badger?"):
        asked.ask_sync(question)
    with opened(browser, asked) as page:
        side = page.page.get_by_role("complementary")
        expect(side.locator("li")).to_have_count(2)
        reach(page, side.get_by_label("Search earlier questions"), key="Shift+Tab")
        page.page.keyboard.type("albatross")
        expect(side.locator("li")).to_have_count(1)
        reach(page, side.locator("li a"))
        page.page.keyboard.press("Enter")
        expect(page.page.locator(".question")).to_have_text("What is an albatross?")


def test_answers_are_compared_and_the_best_is_chosen(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path), path="/#/compare") as page:
        type_into(page, "Question for all", "everything about math")
        for name in ("math", "code"):
            reach(page, page.page.get_by_label(name, exact=True))
            page.page.keyboard.press("Space")
        press(page, "Compare", key="Space")
        press(page, "Answer B is best")
        expect(page.page.locator(".columns")).to_contain_text("Chosen, and rated good.")


def test_a_question_is_put_on_the_map_and_a_card_is_opened(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, council(tmp_path), path="/#/experts") as page:
        type_into(page, "Where does this question lie?", "everything about math")
        page.page.keyboard.press("Enter")
        expect(page.page.locator(".asked")).to_have_count(1)
        reach(page, page.page.locator(".card summary").first)
        page.page.keyboard.press("Enter")
        expect(page.page.locator(".card[open]")).to_contain_text("everything about general")


def test_what_was_learnt_is_scrolled(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, rated_council(tmp_path, 60), path="/#/learnt") as page:
        reach(page, page.page.get_by_role("group", name="Questions that go to another expert"))
        page.page.keyboard.press("End")
        page.page.wait_for_function("scrollY > 0")


@pytest.mark.parametrize(
    ("name", "heading"),
    [("Compare", "Compare"), ("Experts", "Health"), ("Learnt", "What is in use")],
)
def test_every_view_is_opened_from_every_page(
    browser: Browser, tmp_path: Path, name: str, heading: str
) -> None:
    with opened(browser, council(tmp_path)) as page:
        reach(page, page.page.get_by_role("link", name=name, exact=True), key="Shift+Tab")
        page.page.keyboard.press("Enter")
        expect(page.page.get_by_role("heading", name=heading, exact=True)).to_be_visible()


def test_the_way_to_the_content_is_short_and_loses_no_answer(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, council(tmp_path)) as page:
        ask(page, "everything about math")
        reach(page, page.page.get_by_role("link", name="Skip to the content"), key="Shift+Tab")
        page.page.keyboard.press("Enter")
        expect(page.page.get_by_role("main")).to_be_focused()
        expect(page.page.locator(".question")).to_have_text("everything about math")


def test_a_conversation_is_renamed_and_deleted(browser: Browser, tmp_path: Path) -> None:
    asked = council(tmp_path)
    asked.ask_sync("What is an albatross?")
    answers = iter(["Birds", None])
    with opened(browser, asked) as page:
        page.page.on("dialog", lambda dialog: dialog.accept(next(answers) or ""))
        press(page, "Rename: What is an albatross?")
        expect(page.page.locator(".runs li a")).to_contain_text("Birds")
        press(page, "Delete: Birds", key="Space")
        expect(page.page.get_by_text("Nothing yet.")).to_be_visible()


def test_a_question_is_asked_with_an_expert_a_strategy_and_a_document_and_then_changed(
    browser: Browser, tmp_path: Path
) -> None:
    asked = council(tmp_path)
    birds = {"name": "birds.txt", "mimeType": "text/plain", "buffer": b"The albatross glides."}
    with opened(browser, asked) as page:
        page.page.get_by_label("Question", exact=True).wait_for()
        page.page.keyboard.type("everything about math")
        reach(page, page.page.get_by_text("Expert, strategy, documents"))
        page.page.keyboard.press("Enter")
        # Who may be chosen comes from the server.
        expect(page.page.get_by_label("Expert", exact=True)).to_contain_text("code")
        type_into(page, "Expert", "code")
        type_into(page, "Strategy", "vote")
        picker = page.page.get_by_label("Documents")
        reach(page, picker)  # the window in which a file is chosen is the browser's
        picker.set_input_files(birds)
        press(page, "Remove birds.txt", key="Space")
        expect(page.page.locator(".files li")).to_have_count(0)
        reach(page, picker)  # the window in which a file is chosen is the browser's
        picker.set_input_files(birds)
        expect(page.page.locator(".files li")).to_have_count(1)
        press(page, "Ask")
        page.page.get_by_role("button", name="Ask again").wait_for()
        expect(page.page.locator(".step .who")).to_contain_text("code · vote")
        assert asked.runs is not None
        plan = asked.runs.load("last").plan
        assert plan is not None
        assert [each.name for each in plan.documents] == ["birds.txt"]
        reach(page, page.page.get_by_role("button", name="Edit the question"), key="Shift+Tab")
        page.page.keyboard.press("Enter")
        expect(page.page.get_by_label("Question, changed")).to_be_focused()
        page.page.keyboard.press("ControlOrMeta+A")
        page.page.keyboard.type("What is a badger?")
        press(page, "Ask this")
        expect(page.page.locator(".question")).to_have_text("What is a badger?")
        expect(page.page.get_by_role("button", name="Ask again")).to_be_visible()


def test_steps_and_links_are_added_and_removed(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path)) as page:
        ask(page, "everything about math")
        reach(page, page.page.get_by_role("button", name="Change the plan"), key="Shift+Tab")
        page.page.keyboard.press("Enter")
        for number in (2, 3):
            press(page, "Add a step")
            expect(page.page.get_by_label(f"Task of step {number}")).to_be_focused()
            page.page.keyboard.type(f"Task {number}.")
        needs = page.page.get_by_role("group", name="Step 2 needs")
        reach(page, needs.get_by_label("step 1"), key="Shift+Tab")
        page.page.keyboard.press("Space")
        expect(needs.get_by_label("step 1")).to_be_checked()
        press(page, "Remove step 3")
        expect(page.page.get_by_label("Task of step 3")).to_have_count(0)
        type_into(page, "Strategy of step 2", "vote")
        press(page, "Run this plan")
        second = page.page.locator(".turn").nth(1)
        expect(second.locator(".step[data-state=done]")).to_have_count(2)
        expect(second.locator(".graph path")).to_have_count(1)
        expect(second.locator(".step .who").nth(1)).to_contain_text("vote")


def test_answers_are_compared_blind(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path), path="/#/compare") as page:
        type_into(page, "Question for all", "everything about math")
        for label in ("math", "code", "Hide who is who until I have chosen"):
            reach(page, page.page.get_by_label(label, exact=True))
            page.page.keyboard.press("Space")
        press(page, "Compare")
        page.page.get_by_role("button", name="Answer B is best").wait_for()
        expect(page.page.locator(".columns .picture").first).to_be_hidden()
        press(page, "Answer B is best")
        expect(page.page.locator(".columns h3").first).to_contain_text("Answer A: ")


def test_the_key_is_given(browser: Browser, tmp_path: Path) -> None:
    access = Access(key_sha256=hashed("a-key-of-enough-characters"))
    with served(council(tmp_path), access=access) as address, browser_page(browser) as page:
        page.goto(address)
        expect(page.get_by_label("Key, as")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_label("Key, as")).to_be_focused()
        page.keyboard.type("a-key-of-enough-characters")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Nothing yet.")).to_be_visible()


def test_the_history_of_a_phone_is_opened_searched_and_closed(
    browser: Browser, tmp_path: Path
) -> None:
    asked = council(tmp_path)
    asked.ask_sync("What is an albatross?")
    with opened(browser, asked, width=360) as page:
        search = page.page.get_by_label("Search earlier questions")
        expect(search).to_be_hidden()
        reach(page, page.page.get_by_role("button", name="History"), key="Shift+Tab")
        page.page.keyboard.press("Enter")
        expect(search).to_be_focused()
        page.page.keyboard.type("albatross")
        reach(page, page.page.locator(".runs li a"))
        page.page.keyboard.press("Enter")
        expect(page.page.locator(".question")).to_have_text("What is an albatross?")
        expect(search).to_be_hidden()
