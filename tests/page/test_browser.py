"""The page in a real Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept_runs import PLAN, card, council
from page.browser import opened
from pdfs import pdf
from playwright.sync_api import Browser, expect

from metier.experts.expert import Expert
from metier.models.server import ChatRequest
from metier.plan import Plan, Step
from metier.testing import ScriptedModels
from metier.testing.models import Stall

MARKDOWN = """# Four

| a | b |
| --: | :-- |
| 2 | **2** |

```python
print(2 + 2)
```

$$2 + 2 = 2^2$$

That is all."""


def says(text: str) -> ScriptedModels:
    return ScriptedModels({"small": lambda _: text})


def test_a_question_is_answered_with_its_plan(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path, models=says(MARKDOWN))) as page:
        page.ask("What is 2 + 2?")
        expect(page.page.get_by_label("Question", exact=True)).to_be_focused()
        answer = page.page.locator(".answer")
        expect(answer.get_by_role("heading", name="Four")).to_be_visible()
        expect(answer.locator("td strong")).to_have_text("2")
        expect(answer.locator("pre")).to_have_text("print(2 + 2)\n")
        expect(answer.locator("pre .hljs-built_in")).to_have_text("print")
        expect(page.page.locator(".step[data-state=done]")).to_have_count(1)
        expect(page.page.locator("#status")).to_have_text("The answer is complete.")


def test_words_show_while_the_run_goes_on_and_stop_ends_it(
    browser: Browser, tmp_path: Path
) -> None:
    models = ScriptedModels({"small": [Stall("First words.\n\nMore ")]})
    asked = council(tmp_path, models=models)
    with opened(browser, asked) as page:
        page.page.get_by_label("Question", exact=True).fill("What is 2 + 2?")
        page.page.keyboard.press("Enter")
        expect(page.page.locator(".answer")).to_contain_text("First words.")
        expect(page.page.locator(".step[data-state=running]")).to_have_count(1)
        page.page.get_by_role("button", name="Stop").click()
        expect(page.page.locator(".foot")).to_contain_text("Stopped.")
        expect(page.page.locator(".answer")).to_contain_text("First words.")
        expect(page.page.get_by_role("button", name="Run the rest")).to_be_focused()


def test_what_is_opened_of_a_step_keeps_the_focus(browser: Browser, tmp_path: Path) -> None:
    models = ScriptedModels({"small": [Stall("First words.")]})
    with opened(browser, council(tmp_path, models=models)) as page:
        page.page.get_by_label("Question", exact=True).fill("everything about math")
        page.page.keyboard.press("Enter")
        expect(page.page.locator(".answer")).to_contain_text("First words.")
        page.page.locator(".step").click()
        page.page.get_by_role("group", name="Who was considered").focus()
        run = page.page.url.rpartition("/")[2]
        page.page.request.post(f"{page.address}/metier/runs/{run}/stop")
        expect(page.page.locator("[aria-busy]")).to_have_count(0)
        expect(page.page.get_by_role("group", name="Who was considered")).to_be_focused()
        expect(page.page.locator(".foot")).to_have_text("Stopped.")


def test_a_step_shows_who_was_considered(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path)) as page:
        page.ask("everything about math")
        page.page.locator(".step").focus()
        page.page.keyboard.press("Enter")
        panel = page.page.get_by_role("region", name="Step 1", exact=True)
        considered = panel.get_by_role("table", name="Who was considered")
        expect(considered.get_by_role("cell", name="math", exact=True)).to_be_visible()
        expect(considered).to_contain_text("%")
        panel.get_by_role("button", name="Close").click()
        expect(panel).to_have_count(0)
        expect(page.page.locator(".step")).to_be_focused()


def test_a_changed_plan_runs_beside_the_old_one(browser: Browser, tmp_path: Path) -> None:
    def words(request: ChatRequest) -> str:
        return f"answered {request.messages[-1].content[-40:]}"

    asked = council(tmp_path, models=ScriptedModels({"small": words}))
    with opened(browser, asked) as page:
        page.ask("everything about math")
        page.page.get_by_role("button", name="Change the plan").click()
        page.page.get_by_label("Expert of step 1").select_option("code")
        page.page.get_by_label("Task of step 1").fill("Write it in C.")
        page.page.get_by_role("button", name="Add a step").click()
        page.page.get_by_label("Task of step 2").fill("Say it aloud.")
        page.page.get_by_label("Expert of step 2").select_option("general")
        page.page.get_by_role("group", name="Step 2 needs").get_by_label("step 1").check()
        page.page.get_by_role("button", name="Run this plan").click()
        differences = page.page.get_by_role("table", name="Differences")
        expect(differences).to_contain_text("step 1: expert was 'math' and is 'code'")
        expect(differences).to_contain_text("step 2 is new")
        turns = page.page.locator(".turn")
        expect(turns).to_have_count(2)
        expect(turns.nth(0).locator(".step")).to_have_count(1)
        expect(turns.nth(1).locator(".step[data-state=done]")).to_have_count(2)


def test_nothing_is_lost_by_reload_and_back(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path, models=says("A seabird."))) as page:
        page.ask("What is an albatross?")
        page.ask("Where does it live?")
        page.page.reload()
        expect(page.page.locator(".question")).to_have_count(2)
        expect(page.page.locator(".question").first).to_contain_text("What is an albatross?")
        expect(page.page.locator(".answer").last).to_have_text("A seabird.")
        page.page.get_by_role("link", name="Plan and sources").click()
        expect(page.page.locator(".question")).to_have_count(1)
        page.page.go_back()
        expect(page.page.locator(".question")).to_have_count(2)


def test_earlier_questions_are_searched_and_deleted(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path)) as page:
        page.ask("What is an albatross?")
        page.new_question()
        page.ask("What is a badger?")
        side = page.page.get_by_role("complementary")
        expect(side.locator("li")).to_have_count(2)
        side.get_by_label("Search earlier questions").fill("albatross")
        expect(side.locator("li")).to_have_count(1)
        page.page.on("dialog", lambda dialog: dialog.accept())
        side.get_by_role("button", name="Delete: What is an albatross?").click()
        expect(side.locator("li")).to_have_text("Nothing yet.")


def test_a_conversation_is_renamed_at_the_side(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path)) as page:
        page.ask("What is an albatross?")
        side = page.page.get_by_role("complementary")
        page.page.on("dialog", lambda dialog: dialog.accept("Large <b>birds</b>"))
        side.get_by_role("button", name="Rename: What is an albatross?").click()
        expect(side.locator("li a")).to_contain_text("Large <b>birds</b>")
        page.page.reload()
        expect(side.locator("li a")).to_contain_text("Large <b>birds</b>")


def test_a_bad_answer_is_rated_with_who_should_have_given_it(
    browser: Browser, tmp_path: Path
) -> None:
    asked = council(tmp_path)
    with opened(browser, asked) as page:
        page.ask("everything about math")
        page.page.get_by_role("button", name="Bad answer…").click()
        page.page.get_by_label("Who should have answered").select_option("code")
        page.page.get_by_label("Why").fill("It is code.")
        page.page.get_by_role("button", name="Send").click()
        expect(page.page.locator(".bar")).to_contain_text("Rated bad.")
        assert asked.runs is not None
        (rating,) = asked.runs.load("last").ratings
        page.page.reload()
        expect(page.page.locator(".bar")).to_contain_text("Rated bad. code should have answered.")
        expect(page.page.locator(".bar")).to_contain_text("“It is code.”")
    assert (rating.verdict, rating.expert, rating.note) == ("bad", "code", "It is code.")


def test_a_rating_that_is_refused_stays_in_its_form(browser: Browser, tmp_path: Path) -> None:
    asked = council(tmp_path)
    asked.run_sync(PLAN)
    assert asked.runs is not None
    with opened(browser, asked, path=f"/#/run/{asked.runs.load('last').id}") as page:
        page.page.get_by_role("button", name="Bad answer…").click()
        page.page.get_by_label("Who should have answered").select_option("math")
        page.page.get_by_label("Why").fill("It is a sum.")
        page.page.get_by_role("button", name="Send").click()
        expect(page.page.get_by_role("alert")).to_contain_text("say which step")
        expect(page.page.get_by_label("Why")).to_have_value("It is a sum.")
        page.page.get_by_label("What was bad", exact=True).select_option("2")
        page.page.get_by_role("button", name="Send").click()
        expect(page.page.locator(".bar")).to_contain_text("Rated bad. Step 2.")
        expect(page.page.get_by_role("button", name="Bad answer…")).to_be_focused()
        page.errors.clear()


_DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, { type: "text/plain" }));
  const event = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
  document.querySelector(".answer, .turns").dispatchEvent(event);
}"""


@pytest.mark.parametrize("dropped", [False, True], ids=["chosen", "dropped"])
def test_a_document_is_part_of_the_question(
    browser: Browser, tmp_path: Path, dropped: bool
) -> None:
    name, text = "birds.txt", "The albatross glides."
    asked = council(tmp_path)
    with opened(browser, asked) as page:
        page.page.get_by_text("Expert, strategy, documents").click()
        if dropped:
            page.page.evaluate(_DROP, [name, text])
        else:
            chosen = {"name": name, "mimeType": "text/plain", "buffer": text.encode()}
            page.page.get_by_label("Documents").set_input_files(chosen)
        expect(page.page.locator(".files li")).to_contain_text(name)
        page.ask("What does it do?")
        assert asked.runs is not None
        plan = asked.runs.load("last").plan
    assert plan is not None
    assert [(each.name, each.text) for each in plan.documents] == [(name, text)]


def test_a_pdf_is_read_as_a_text_or_refused_with_why(browser: Browser, tmp_path: Path) -> None:
    asked = council(tmp_path)
    damaged = {"name": "fish.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 fish"}
    birds = pdf(["The albatross glides."])
    with opened(browser, asked) as page:
        page.page.get_by_text("Expert, strategy, documents").click()
        documents = page.page.get_by_label("Documents")
        documents.set_input_files(damaged)
        expect(page.page.locator("#status")).to_contain_text("fish.pdf: this PDF cannot be read")
        (error,) = page.errors
        assert "status of 400" in error
        page.errors.clear()
        documents.set_input_files(
            {"name": "birds.pdf", "mimeType": "application/pdf", "buffer": birds}
        )
        expect(page.page.locator(".files li")).to_have_count(1)
        page.ask("What does it do?")
        assert asked.runs is not None
        plan = asked.runs.load("last").plan
    assert plan is not None
    assert [(each.name, each.text) for each in plan.documents] == [
        ("birds.pdf", "The albatross glides.")
    ]


def test_strategies_are_compared_blind_and_the_choice_is_a_rating(
    browser: Browser, tmp_path: Path
) -> None:
    asked = council(tmp_path)
    with opened(browser, asked, path="/#/compare") as page:
        page.page.get_by_label("Question for all").fill("everything about math")
        page.page.get_by_label("math", exact=True).check()
        page.page.get_by_label("code", exact=True).check()
        page.page.get_by_label("Hide who is who").check()
        page.page.get_by_role("button", name="Compare", exact=True).click()
        page.page.get_by_role("button", name="Answer B is best").wait_for()
        expect(page.page.locator(".columns .picture").first).to_be_hidden()
        page.page.get_by_role("button", name="Answer A is best").click()
        expect(page.page.locator(".columns")).to_contain_text("Chosen, and rated good.")
        assert asked.runs is not None
        ratings = [rating for run in asked.runs.newest() for rating in run.ratings]
    assert [rating.verdict for rating in ratings] == ["good"]
    assert ratings[0].note.endswith(", blind")


def test_the_house_is_shown_with_the_question_on_the_map(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path), path="/#/experts") as page:
        expect(page.page.get_by_text("Model server")).to_be_visible()
        checks = page.page.locator(".checks")
        expect(checks).to_contain_text("✓ Ollama: version scripted")
        expect(checks).to_contain_text("✓ calibration: metier's default")
        expect(page.page.get_by_role("table", name="Models", exact=True)).to_contain_text("Host")
        expect(page.page.locator(".card")).to_have_count(3)
        page.page.get_by_label("Where does this question lie?").fill("everything about math")
        page.page.get_by_role("button", name="Show").click()
        expect(page.page.locator(".asked")).to_have_count(1)
        nearest = page.page.get_by_role("table", name="Nearest to the question")
        expect(nearest.locator("tbody td").first).to_have_text("math")
        overlaps = page.page.get_by_role("table", name="Capabilities of different experts")
        expect(overlaps.locator("tbody tr")).to_have_count(3)
        points, chosen = page.page.locator(".map .point"), page.page.locator(".chosen")
        page.page.get_by_role("button", name="Show").focus()
        page.page.keyboard.press("Tab")
        expect(points.first).to_be_focused()
        expect(chosen).to_contain_text("general: all. Nearest on the map:")
        page.page.keyboard.press("ArrowRight")
        expect(points.nth(1)).to_be_focused()
        expect(chosen).to_contain_text("math: all.")
        points.nth(2).click()
        expect(chosen).to_contain_text("code: all.")


@pytest.mark.parametrize("view", ["/", "/#/compare", "/#/experts", "/#/learnt"])
def test_a_phone_scrolls_no_view_sideways(browser: Browser, tmp_path: Path, view: str) -> None:
    wide = f"{MARKDOWN}\n\n{'x' * 400}\n\n    {'y' * 400}"
    with opened(browser, council(tmp_path, models=says(wide)), width=360, path=view) as page:
        if view == "/":
            page.ask("everything about math")
            page.page.locator(".step").click()
        page.page.wait_for_load_state("networkidle")
        widths = "[document.documentElement.scrollWidth, innerWidth]"
        shown, has = page.page.evaluate(widths)
    assert shown <= has == 360


@pytest.mark.parametrize("needs", [(), ("1",)], ids=["all at once", "all after the first"])
def test_a_plan_of_twelve_steps_fits_on_a_laptop(
    browser: Browser, tmp_path: Path, needs: tuple[str, ...]
) -> None:
    first = Step(id="1", task="First.", expert="math")
    rest = [Step(id=str(n), task=f"Task {n}.", expert="code", needs=needs) for n in range(2, 13)]
    asked = council(tmp_path)
    asked.run_sync(Plan(question="Twelve things.", steps=(first, *rest)))
    assert asked.runs is not None
    with opened(browser, asked, path=f"/#/run/{asked.runs.load('last').id}") as page:
        expect(page.page.locator(".step")).to_have_count(12)
        width, height = page.page.locator(".graph").evaluate(
            "(node) => [node.getBoundingClientRect().width / node.viewBox.baseVal.width, "
            "node.getBoundingClientRect().height]"
        )
        assert width > 0.95  # as large as it was drawn
        assert height < 500


def test_a_chain_of_twelve_steps_fits_on_a_laptop(browser: Browser, tmp_path: Path) -> None:
    steps = [
        Step(id=str(n), task=f"Task {n}.", expert="code", needs=(str(n - 1),) if n > 1 else ())
        for n in range(1, 13)
    ]
    asked = council(tmp_path)
    asked.run_sync(Plan(question="Twelve things.", steps=tuple(steps)))
    assert asked.runs is not None
    with opened(browser, asked, path=f"/#/run/{asked.runs.load('last').id}") as page:
        expect(page.page.locator(".step[data-state=done]")).to_have_count(12)
        graph = page.page.locator(".graph")
        page.page.evaluate("scrollTo(0, 0)")
        expect(graph).to_be_in_viewport(ratio=1)
        places = graph.evaluate(
            "(node) => [...node.querySelectorAll('.step')].map((each) => {"
            " const { x, y, bottom, width } = each.getBoundingClientRect();"
            " return [x, y, bottom, width]; })"
        )
        box = page.page.locator(".box").bounding_box()
        page.page.set_viewport_size({"width": 360, "height": 780})
        page.page.reload()
        expect(page.page.locator(".step[data-state=done]")).to_have_count(12)
        lefts = page.page.locator(".step").evaluate_all(
            "(nodes) => nodes.map((node) => node.getBoundingClientRect().x)"
        )
    assert box is not None
    assert max(bottom for _, _, bottom, _ in places) < box["y"]  # the question box hides none
    assert min(width for *_, width in places) > 165  # as large as it was drawn
    assert len({(x, y) for x, y, *_ in places}) == 12
    assert len(set(lefts)) == 1  # a phone has room for one column


def test_the_page_says_that_the_server_is_gone(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path)) as page:
        page.page.route("**/metier/runs", lambda route: route.abort())
        page.ask("What is 2 + 2?")
        expect(page.page.get_by_role("alert")).to_have_text(
            "The server does not answer. Is metier serve running?"
        )
        page.page.unroute("**/metier/runs")
        page.errors.clear()
        page.page.get_by_role("button", name="Ask again").click()
        expect(page.page.locator("#status")).to_have_text("The answer is complete.")


def test_after_a_stop_only_the_rest_is_run(browser: Browser, tmp_path: Path) -> None:
    models = ScriptedModels({"small": ["four", Stall("print"), "print(4)", "all of it"]})
    asked = council(tmp_path, models=models)
    with opened(browser, asked) as page:
        page.page.get_by_label("Question", exact=True).fill("everything about math")
        page.page.get_by_role("button", name="Ask", exact=True).click()
        page.page.get_by_role("button", name="Change the plan").click()
        page.page.get_by_role("button", name="Add a step").click()
        page.page.get_by_label("Task of step 2").fill("Write code for it.")
        page.page.get_by_role("group", name="Step 2 needs").get_by_label("step 1").check()
        page.page.get_by_role("button", name="Run this plan").click()
        second = page.page.locator(".turn").nth(1)
        expect(second.locator(".step[data-state=running]")).to_have_count(1)
        second.get_by_role("button", name="Stop").click()
        second.get_by_role("button", name="Run the rest").click()
        expect(second.locator(".step[data-state=done]")).to_have_count(2)
    written = [request.messages[-1].content for request in models.requests]
    assert written.count("everything about math") == 1


def test_models_are_compared(browser: Browser, tmp_path: Path) -> None:
    asked = council(tmp_path)
    with opened(browser, asked, path="/#/compare") as page:
        page.page.get_by_label("Question for all").fill("everything about math")
        page.page.get_by_label("the council on small").check()
        page.page.get_by_label("the council on other").check()
        page.page.get_by_role("button", name="Compare", exact=True).click()
        page.page.get_by_role("button", name="Answer B is best").wait_for()
        facts = page.page.locator(".columns .facts")
        expect(facts).to_contain_text(["1 call, ", "1 call, "])
        assert asked.runs is not None
        models = [run.models for run in asked.runs.newest()]
    assert models == [("other",), ("small",)]


def test_blocks_that_stand_are_not_rendered_again(browser: Browser, tmp_path: Path) -> None:
    text = "\n\n".join(f"Paragraph {n} has *some* words." for n in range(200))
    with opened(browser, council(tmp_path)) as page:
        changed = page.page.evaluate(
            """async (text) => {
              const { GrowingText } = await import("/page/markdown.js");
              const growing = new GrowingText();
              const seen = new Set();
              let again = 0;
              for (const piece of text.match(/[^]{1,7}/g)) {
                growing.open += piece;
                growing.settle();
                for (const node of seen) again += growing.node.contains(node) ? 0 : 1;
                for (const node of growing.node.children) if (node !== growing.last) seen.add(node);
              }
              return [again, seen.size, growing.node.querySelectorAll("p").length];
            }""",
            text,
        )
    assert changed == [0, 199, 200]


def test_a_card_cannot_become_markup(browser: Browser, tmp_path: Path) -> None:
    text = "<img src=x onerror=alert(1)>"
    experts = [Expert(card("general")), Expert(card("math", disclaimer=text))]
    with opened(browser, council(tmp_path, *experts)) as page:
        page.ask("everything about math")
        expect(page.page.locator(".notice")).to_have_text(text)
        expect(page.page.locator("img")).to_have_count(0)
