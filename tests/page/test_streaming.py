"""What stands of an answer while the rest of it comes."""

from __future__ import annotations

from pathlib import Path

from kept_runs import council
from page.browser import opened
from playwright.sync_api import Browser, expect

from metier.testing import ScriptedModels

_COUNTING = """() => {
  window.removed = 0;
  new MutationObserver((changes) => {
    for (const { target, removedNodes } of changes) {
      if (target.matches(".answer, .answer > .text")) window.removed += removedNodes.length;
    }
  }).observe(document.querySelector("main"), { childList: true, subtree: true });
}"""


def test_no_block_of_an_answer_is_rendered_twice(browser: Browser, tmp_path: Path) -> None:
    text = "\n\n".join(
        f"Paragraph {n} has *ten words* and some code: `x = {n}`." for n in range(200)
    )
    models = ScriptedModels({"small": lambda _: text})
    with opened(browser, council(tmp_path, models=models)) as page:
        page.page.evaluate(_COUNTING)
        page.ask("everything about math")
        expect(page.page.locator(".answer p")).to_have_count(200)
        assert page.page.evaluate("window.removed") == 0


def test_the_last_block_is_whole_at_the_end(browser: Browser, tmp_path: Path) -> None:
    text = "Code:\n\n```python\nprint(1)\n```"
    models = ScriptedModels({"small": lambda _: text})
    with opened(browser, council(tmp_path, models=models)) as page:
        page.ask("everything about math")
        expect(page.page.locator(".answer pre .hljs-built_in")).to_have_text("print")


def test_a_link_that_is_defined_below_its_use_leads_there(browser: Browser, tmp_path: Path) -> None:
    text = "See [the guide][1].\n\nAnd more.\n\n[1]: https://example.org/guide"
    models = ScriptedModels({"small": lambda _: text})
    with opened(browser, council(tmp_path, models=models)) as page:
        page.ask("everything about math")
        link = page.page.locator(".answer a")
        expect(link).to_have_attribute("href", "https://example.org/guide")
