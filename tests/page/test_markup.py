"""What people, models, documents, cards and errors say stays text."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept_runs import card, council, settings_in
from page.browser import FAILED, Opened, opened
from page.hostile_runs import keep
from page.markup import TEXTS
from playwright.sync_api import Browser, Route, expect

from metier import Card
from metier.errors import ModelServerFailed
from metier.experts.card import Capability
from metier.experts.expert import Expert
from metier.runs.store import RunStore
from metier.testing import ScriptedModels

# Each text is rendered whole, and again as it would stream, in pieces of every size up to seven.
_RENDER = """async (texts) => {
  const { markdown, GrowingText } = await import("/page/markdown.js");
  const place = document.createElement("section");
  place.id = "rendered";
  document.getElementById("main").append(place);
  for (const text of texts) {
    place.append(markdown(text));
    for (let size = 1; size <= 7; size += 1) {
      const growing = new GrowingText();
      place.append(growing.node);
      for (let at = 0; at < text.length; at += size) {
        growing.open += text.slice(at, at + size);
        growing.settle();
      }
    }
  }
}"""
_FOUND = """() => {
  const allowed = new Set(
    ("a blockquote br button code div em h3 h4 h5 h6 hr li ol p pre s span strong " +
     "table tbody td th thead tr ul").split(" "));
  const names = new Set("aria-label class href rel role start tabindex target type".split(" "));
  const bad = [];
  for (const node of document.querySelectorAll("#rendered *")) {
    if (!allowed.has(node.localName)) bad.push(node.outerHTML);
    for (const { name, value } of node.attributes) {
      if (!names.has(name)) bad.push(`${name}=${value}`);
      if (name === "href" && !/^(https?|mailto):/.test(value)) bad.push(value);
    }
  }
  return bad;
}"""


# Elements and attributes that no text may bring into the page, wherever it stands.
_BROUGHT_IN = r"""async (places) => {
  // Colours and formulas are drawn once these are there.
  const drawing = ["highlight.min.js", "temml.mjs"];
  await Promise.all(drawing.map((name) => import(`/page/vendor/${name}`)));
  await new Promise((resolve) => setTimeout(resolve));
  const never = new Set(
    ("applet audio base body embed foreignObject frame head html iframe image img link marquee " +
     "meta noscript object script source style template title use video").split(" "));
  const risky = /^on|^(?:src|srcdoc|srcset|action|formaction|background|ping|xlink:href)$/;
  const bad = [];
  for (const node of document.querySelectorAll(places)) {
    const named = node.localName === "title" && node.closest("svg.map, svg.graph");
    if (never.has(node.localName) && !named) bad.push(node.outerHTML);
    for (const { name, value } of node.attributes) {
      const leads = name === "href" && !/^(?:#\/|https?:|mailto:)/.test(value);
      const styled = name === "style" && !/^min-width: [\d.]+px;$/.test(value);
      if (risky.test(name) || leads || styled) bad.push(`${node.localName} ${name}=${value}`);
    }
  }
  for (const id of ["main", "status", "runs", "menu"]) {
    if (document.querySelectorAll(`[id=${id}]`).length !== 1) bad.push(`several ${id}`);
  }
  return bad;
}"""


def brought_in(page: Opened, places: str = "main *, aside *") -> list[str]:
    return page.page.evaluate(_BROUGHT_IN, places)


def nothing_ran(page: Opened) -> bool:
    return page.page.evaluate("window.pwned === undefined")


def test_no_text_becomes_markup_in_any_place_of_a_run(browser: Browser, tmp_path: Path) -> None:
    assert len(TEXTS) >= 60
    store = RunStore.of(settings_in(tmp_path))
    run = keep(store, TEXTS)
    with opened(browser, council(tmp_path, store=store), path=f"/#/run/{run}") as page:
        steps = page.page.locator(".step")
        expect(steps).to_have_count(len(TEXTS))
        for n in range(len(TEXTS)):
            steps.nth(n).dispatch_event("click")
            panel = page.page.get_by_role("region", name=f"Step {n + 1}", exact=True)
            expect(panel.locator("h3 ~ p").first).to_have_text(" ".join(TEXTS[n].split()))
            assert brought_in(page, ".panel *") == []
        page.page.get_by_role("button", name="Change the plan").click()
        expect(page.page.get_by_label("Task of step 1", exact=True)).to_have_value(TEXTS[0])
        page.page.get_by_role("button", name="Edit the question").click()
        page.page.get_by_role("button", name="Bad answer…").click()
        assert brought_in(page) == []
        expect(page.page.locator(".runs a")).to_have_count(50)
        for n in range(1, len(TEXTS) + 1):  # runs that failed, with the text as the reason
            page.page.evaluate("id => { location.hash = `#/run/${id}`; }", f"{n:032x}")
            expect(page.page.locator("h2.question")).to_have_text(TEXTS[n - 1])
            expect(page.page.locator(".foot .bad")).to_have_text(TEXTS[n - 1])
        assert brought_in(page) == []
        assert nothing_ran(page)


def test_no_text_of_a_card_becomes_markup(browser: Browser, tmp_path: Path) -> None:
    text = "\n".join(TEXTS[:20])
    capability = Capability(
        name="all",
        description=TEXTS[4],
        examples=TEXTS,
        counterexamples=TEXTS,
        keywords=TEXTS,
    )
    math = Card(
        id="math",
        description=TEXTS[4],
        models=("small",),
        disclaimer=text[:1000],
        capabilities=(capability,),
    )
    asked = council(tmp_path, Expert(card("general")), Expert(math))
    with opened(browser, asked, path="/#/experts") as page:
        page.page.get_by_label("Where does this question lie?").fill(TEXTS[4])
        page.page.get_by_role("button", name="Show").click()
        expect(page.page.locator(".asked")).to_have_count(1)
        for summary in page.page.locator(".card summary").all():
            summary.click()
        expect(page.page.locator(".card[open] .facts")).not_to_have_count(0)
        assert brought_in(page) == []
        assert nothing_ran(page)


def test_no_text_of_an_error_becomes_markup(browser: Browser, tmp_path: Path) -> None:
    said = iter(TEXTS)

    def refuse(route: Route) -> None:
        body = {"error": {"code": "failed", "message": next(said)}}
        route.fulfill(status=400, json=body)

    with opened(browser, council(tmp_path), path="/#/experts") as page:
        expect(page.page.locator(".checks")).to_be_visible()
        page.page.route("**/metier/map", refuse)
        for text in TEXTS:
            page.page.get_by_role("button", name="Show").click()
            expect(page.page.get_by_role("alert")).to_have_text(text)
        assert brought_in(page) == []
        assert nothing_ran(page)
        assert all(error.startswith(FAILED) for error in page.errors)
        page.errors.clear()


def test_no_text_becomes_markup_whole_or_streamed(browser: Browser, tmp_path: Path) -> None:
    assert len(TEXTS) >= 60
    with opened(browser, council(tmp_path)) as page:
        page.page.evaluate(_RENDER, list(TEXTS))
        assert brought_in(page) == []
        assert page.page.evaluate(_FOUND) == []
        for link in page.page.locator("#rendered a").all():
            assert link.get_attribute("rel") == "noopener noreferrer"
        assert nothing_ran(page)


def test_the_check_itself_sees_markup(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path)) as page:
        page.page.evaluate(_RENDER, ["harmless"])
        page.page.evaluate(
            "document.getElementById('rendered').append(document.createElement('img'))"
        )
        assert page.page.evaluate(_FOUND) == ["<img>"]
        assert brought_in(page) == ["<img>"]


@pytest.mark.parametrize("text", [TEXTS[4], TEXTS[-1]])
def test_a_question_its_answer_and_a_documents_name_stay_text(
    browser: Browser, tmp_path: Path, text: str
) -> None:
    models = ScriptedModels({"small": lambda _: text})
    with opened(browser, council(tmp_path, models=models)) as page:
        page.page.get_by_text("Expert, strategy, documents").click()
        page.page.get_by_label("Documents").set_input_files(
            {"name": text.replace("/", "_"), "mimeType": "text/plain", "buffer": text.encode()}
        )
        page.ask(text)
        page.page.locator(".step").click()
        expect(page.page.locator("h2.question")).to_have_text(text)
        assert page.page.locator("main img, main script, main iframe, main style").count() == 0
        page.page.reload()
        expect(page.page.locator("h2.question")).to_have_text(text)
        assert nothing_ran(page)


def test_a_card_and_an_error_stay_text(browser: Browser, tmp_path: Path) -> None:
    text = TEXTS[4]
    models = ScriptedModels({"small": [ModelServerFailed(text)] * 3})
    experts = [Expert(card("general")), Expert(card("math", disclaimer=text))]
    with opened(browser, council(tmp_path, *experts, models=models)) as page:
        page.ask("everything about math")
        expect(page.page.locator(".step[data-state=failed]")).to_have_count(1)
        page.page.locator(".step").click()
        expect(page.page.get_by_role("region", name="Step 1")).to_contain_text("onerror")
        page.page.get_by_role("link", name="Experts").click()
        page.page.get_by_text("math", exact=True).first.wait_for()
        assert page.page.locator("img").count() == 0
        assert nothing_ran(page)


def test_sources_are_marked_in_their_document_as_text(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path)) as page:
        quote = "<b onclick=window.pwned=1>glides</b>"
        document = {"name": "<i>birds</i>", "text": f"The albatross {quote} far."}
        source = {"name": document["name"], "place": "", "quote": quote}
        shown = page.page.evaluate(
            """async ([source, document_]) => {
              const { sources } = await import("/page/step.js");
              const node = sources([source], [document_]);
              document.getElementById("main").append(node);
              return [node.textContent, node.querySelector("mark").textContent];
            }""",
            [source, document],
        )
        assert shown == [f"Sources{document['name']}: {document['text']}", quote]
        assert page.page.locator("main b, main i").count() == 0


def test_the_watch_sees_what_the_policy_refuses(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path)) as page:
        page.page.evaluate("document.body.setAttribute('style', 'color: red')")
        page.page.wait_for_function("true")
        page.page.reload()
        expect(page.page.get_by_label("Question", exact=True)).to_be_visible()
        assert any("style-src-attr" in error for error in page.errors)
        page.errors.clear()
