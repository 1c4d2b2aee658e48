"""What stands of an answer while the rest of it comes."""

from __future__ import annotations

from pathlib import Path

import pytest
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


TEXTS = (
    "- one\n- two\n- three",
    "- one\n\n- two with **bold**\n\n  more of two\n\n- three\n\nAfter it.",
    "- one\n- two\n\n- three makes all of them loose\n",
    "3. three\n4. four\n   - within\n   - again\n5. five\n\n1) another list\n2) of its kind",
    "- one\n  | a | b |\n  | - | - |\n  | 1 | 2 |\n- two\n  ```python\n  x = 1\n  ```\n- three",
    "| a | b |\n| - | - |\n| 1 | **2** |\n| 3 | $x$ |\n| 5 | `6` |\n\nAfter it.",
    "| a |\n| - |\n",
    "Before.\n\n| a |\n| - |\n| 1 |\nlazy row\n\n---\n\n- x\n-\n- [z](https://example.org)",
    "- one\n- two\n===\n\n> quoted\n> - list\n> - in it\n\n    code\n",
    "[x]: y",
    "## Second\n\nwords\n\n#### Fourth\n\n# First\n\n### Third\n\n- # within\n- ## a list\n- x",
    "- $$\n  x^2\n  $$\n- $y$\n- \\*no list\\*",
)
_GROWN = """async ([text, size]) => {
  const { GrowingText, markdown } = await import("/page/markdown.js");
  const growing = new GrowingText();
  for (let at = 0; at < text.length; at += size) {
    growing.text += text.slice(at, at + size);
    growing.open += text.slice(at, at + size);
    growing.settle();
  }
  const node = growing.finish(text);
  growing.last.replaceWith(...growing.last.childNodes);
  const spaces = (html) => html.replace(/\\s+/g, " ").replace(/> </g, "><").trim();
  return [spaces(node.innerHTML), spaces(markdown(text).innerHTML)];
}"""


def test_what_came_in_pieces_is_the_same_as_the_whole(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path)) as page:
        for text in TEXTS:
            for size in (1, 2, 3, 5, 8, 13, 1000):
                grown, whole = page.page.evaluate(_GROWN, [text, size])
                assert grown == whole, (text, size)


@pytest.mark.parametrize(
    ("row", "start", "found"),
    [
        ("- Item **{n}** has `words`.\n", "", ".answer li"),
        ("| {n} | **two** |\n", "| a | b |\n| - | - |\n", ".answer tbody tr"),
    ],
    ids=["list", "table"],
)
def test_no_row_of_a_long_block_is_rendered_twice(
    browser: Browser, tmp_path: Path, row: str, start: str, found: str
) -> None:
    text = start + "".join(row.format(n=n) for n in range(200))
    models = ScriptedModels({"small": lambda _: text})
    with opened(browser, council(tmp_path, models=models)) as page:
        again = page.page.evaluate(
            """async (text) => {
              const { GrowingText } = await import("/page/markdown.js");
              const growing = new GrowingText();
              const seen = new Set();
              let again = 0;
              for (const piece of text.match(/[^]{1,7}/g)) {
                growing.open += piece;
                growing.settle();
                const rows = [...growing.node.querySelectorAll("li, tbody tr")];
                for (const each of seen) again += growing.node.contains(each) ? 0 : 1;
                rows.slice(0, -1).forEach((each) => seen.add(each));
              }
              return [again, seen.size];
            }""",
            text,
        )
        assert again == [0, 199]
        page.ask("everything about math")
        expect(page.page.locator(found)).to_have_count(200)
