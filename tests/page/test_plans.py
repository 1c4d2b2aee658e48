"""What the page shows of a plan, and what it lets people change, in a real Chromium."""

from __future__ import annotations

import re
from pathlib import Path

from kept_runs import PLAN, council
from page.browser import opened
from playwright.sync_api import Browser, expect

from metier.council import Council
from metier.plan import Candidate, Plan, Step


def kept(asked: Council, plan: Plan) -> str:
    """The path of its run on the page."""
    asked.run_sync(plan)
    assert asked.runs is not None
    return f"/#/run/{asked.runs.load('last').id}"


def test_an_expert_and_a_strategy_are_chosen_and_the_votes_are_shown(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, council(tmp_path)) as page:
        page.page.get_by_text("Expert, strategy, documents").click()
        page.page.get_by_label("Expert", exact=True).select_option("code")
        page.page.get_by_label("Strategy", exact=True).select_option("vote")
        page.ask("everything about math")
        expect(page.page.locator(".step .who")).to_contain_text("code · vote")
        page.page.locator(".step").click()
        votes = page.page.get_by_role("table", name="Votes")
        expect(votes.locator("tbody tr").first).to_contain_text("code")
        expect(votes.get_by_role("columnheader", name="Weight")).to_be_visible()
        expect(votes.get_by_role("cell", name="yes")).not_to_have_count(0)


def test_a_step_names_the_example_that_matched(browser: Browser, tmp_path: Path) -> None:
    likely = Candidate(
        expert="math", score=0.68, probability=0.68, capability="add", example="What is 3 + 4?"
    )
    step = Step(id="1", task="What is 2 + 2?", expert="math", candidates=(likely,))
    asked = council(tmp_path)
    path = kept(asked, Plan(question="What is 2 + 2?", steps=(step,)))
    with opened(browser, asked, path=path) as page:
        page.page.locator(".step").click()
        considered = page.page.get_by_role("table", name="Who was considered")
        expect(considered.locator("tbody tr")).to_have_text("math68 %addWhat is 3 + 4?")


def test_the_boxes_and_the_foot_say_what_an_answer_cost(browser: Browser, tmp_path: Path) -> None:
    asked = council(tmp_path)
    with opened(browser, asked, path=kept(asked, PLAN)) as page:
        box = page.page.get_by_role("button", name="Step 1,")
        expect(box).to_contain_text("small")
        expect(box).to_contain_text("token")
        expect(page.page.locator(".foot .facts")).to_contain_text("calls, ")
        expect(page.page.locator(".graph path")).to_have_count(1)


def test_links_tasks_strategies_and_steps_are_changed(browser: Browser, tmp_path: Path) -> None:
    third = Step(id="3", task="Say it in words.", expert="general", needs=("1", "2"))
    asked = council(tmp_path)
    path = kept(asked, PLAN.model_copy(update={"steps": (*PLAN.steps, third)}))
    with opened(browser, asked, path=path) as page:
        page.page.get_by_role("button", name="Change the plan").click()
        page.page.get_by_label("Task of step 2").fill("Write it in C.")
        page.page.get_by_label("Strategy of step 1").select_option("vote")
        page.page.get_by_role("group", name="Step 2 needs").get_by_label("step 1").uncheck()
        page.page.get_by_role("button", name="Remove step 3").click()
        page.page.get_by_role("button", name="Run this plan").click()
        differences = page.page.get_by_role("table", name="Differences")
        expect(differences).to_contain_text("task was 'Write code for it.' and is 'Write it in C.'")
        expect(differences).to_contain_text("strategy was 'single' and is 'vote'")
        expect(differences).to_contain_text("step 3 is gone")
        first, second = page.page.locator(".turn").nth(0), page.page.locator(".turn").nth(1)
        expect(first.locator(".graph path")).to_have_count(3)
        expect(second.locator(".graph path")).to_have_count(0)


def test_two_runs_lie_side_by_side_with_the_lines_that_differ(
    browser: Browser, tmp_path: Path
) -> None:
    asked = council(tmp_path)
    with opened(browser, asked, path=kept(asked, PLAN)) as page:
        page.page.get_by_role("button", name="Change the plan").click()
        page.page.get_by_label("Task of step 2").fill("Write it in C.")
        page.page.get_by_role("button", name="Run this plan").click()
        expect(page.page.locator(".differences pre")).to_contain_text("\n+")
        expect(page.page.get_by_role("button", name="Copy", exact=True).last).to_be_focused()
        expect(page.page).to_have_url(re.compile("#/pair/[0-9a-f]{32}/[0-9a-f]{32}$"))
        boxes = [each.bounding_box() for each in page.page.locator(".pair > .turn").all()]
        page.page.reload()
        expect(page.page.locator(".pair > .turn")).to_have_count(2)
        expect(page.page.locator(".differences pre")).to_contain_text("\n+")
        page.new_question()
        page.page.go_back()
        expect(page.page.locator(".differences pre")).to_contain_text("\n+")
    (left, right) = (box for box in boxes if box is not None)
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]


def test_two_old_runs_are_put_side_by_side(browser: Browser, tmp_path: Path) -> None:
    asked = council(tmp_path)
    asked.run_sync(PLAN.model_copy(update={"steps": PLAN.steps[:1]}))
    with opened(browser, asked, path=kept(asked, PLAN)) as page:
        page.page.get_by_role("button", name="Beside another…").click()
        expect(page.page.get_by_label("Earlier run")).to_be_focused()
        page.page.get_by_role("button", name="Show both").click()
        expect(page.page.locator(".pair > .turn")).to_have_count(2)
        differences = page.page.get_by_role("table", name="Differences")
        expect(differences).to_contain_text("step 2 is new")
        page.page.go_back()
        expect(page.page.locator(".turn")).to_have_count(1)


def test_an_edited_question_takes_the_place_of_what_followed(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, council(tmp_path)) as page:
        page.ask("What is an albatross?")
        page.ask("Where does it live?")
        page.page.get_by_role("button", name="Edit the question").first.click()
        page.page.get_by_label("Question, changed").fill("What is a badger?")
        page.page.get_by_role("button", name="Ask this").click()
        expect(page.page.locator(".question")).to_have_text(["What is a badger?"])
        expect(page.page.locator("#status")).to_have_text("The answer is complete.")
        expect(page.page.locator(".step[data-state=done]")).to_have_count(1)
