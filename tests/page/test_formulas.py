"""Formulas in answers, in a real Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept_runs import council
from page.browser import opened
from playwright.sync_api import Browser, expect

from metier.testing import ScriptedModels

ANSWER = r"""The solutions of \(ax^2 + bx + c = 0\) are

\[
x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}
- 0
\]

so with $a = 1$ it costs $5 or $10, and `$HOME$` is code.

$$\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}$$
"""

# Each would leave the formula, reach another host, or take very long.
HOSTILE = (
    r"\href{javascript:window.pwned=1}{x}",
    r"\href{https://evil.example/?secret}{x}",
    r"\url{https://evil.example}",
    r"\includegraphics[height=1em]{//evil.example/x.png}",
    r"\htmlData{key=value}{x}",
    r"\htmlStyle{position:fixed}{x}",
    r"\style{position:fixed}{x}",
    r"\class{skip}{x}",
    r"\htmlClass{skip}{x}",
    r"\id{main}{x}",
    r"\cssId{main}{x}",
    r"\label{main} x \ref{main}",
    r"\text{<img src=x onerror=window.pwned=1>}",
    r"\text{</math><script>window.pwned=1</script>}",
    r"\mathrm{<style>body{display:none}</style>}",
    r"\unicode{x3cimg src=x onerror=window.pwned=1>}",
    r"\char`<img\ src=x\ onerror=window.pwned=1\char`>",
    r"<annotation-xml encoding='text/html'><img src=x onerror=window.pwned=1></annotation-xml>",
    r"x \kern-100em y",
    r"\raisebox{100em}{x}",
    r"\rule{1000em}{1000em}",
    r"\color{white}\colorbox{white}{x}",
    r"\bbox[position:fixed]{x}",
    r"\def\a{\a\a}\a",
    r"\gdef\frac#1{x}\newcommand{\b}{\b}\b",
    r"\def\a{" + "x" * 400 + "}" + r"\a" * 250,
    r"\sqrt{" * 120 + "x" + "}" * 120,
    r"{" * 400 + "x" + "}" * 400,
    r"x" + "^{x" * 200 + "}" * 200,
    r"\left(" * 90 + "x" + r"\right)" * 50,
    r"\begin{array}{" + "c" * 300 + "}" + "&" * 299 + r"\end{array}",
    r"\undefined{x",
)
_RENDER = """async (texts) => {
  const { markdown, GrowingText } = await import("/page/markdown.js");
  const place = document.createElement("section");
  place.id = "rendered";
  document.getElementById("main").append(place);
  for (const tex of texts) {
    for (const text of [`$${tex}$`, `$$\\n${tex}\\n$$`, `\\\\(${tex}\\\\)`, `\\\\[${tex}\\\\]`]) {
      place.append(markdown(text));
      const growing = new GrowingText();
      place.append(growing.node);
      for (const piece of `${text}\\n\\nAfter.`.match(/[^]{1,5}/g)) {
        growing.open += piece;
        growing.settle();
      }
    }
  }
  place.append(markdown("$last$"));
}"""
_FOUND = """() => {
  const html = new Set("code div p span section".split(" "));
  const names = new Set((
    "accent accentunder aria-label class columnspan depth display displaystyle fence form height " +
    "largeop linethickness lspace mathvariant maxsize minsize movablelimits notation role " +
    "rowspan rspace scriptlevel separator stretchy symmetric tabindex width").split(" "));
  const others = new Set("a annotation annotation-xml maction mglyph semantics".split(" "));
  const bad = [];
  for (const node of document.querySelectorAll("#rendered *")) {
    const math = node.namespaceURI === "http://www.w3.org/1998/Math/MathML";
    if (!math && !html.has(node.localName)) bad.push(node.outerHTML);
    if (math && others.has(node.localName)) bad.push(node.outerHTML);
    for (const { name, value } of node.attributes) {
      if (!names.has(name)) bad.push(`${name}=${value}`);
      if (name === "class" && /skip/.test(value)) bad.push(value);
    }
    const { width } = node.getBoundingClientRect();
    if (node.classList.contains("formula") && width > innerWidth) bad.push("wide");
  }
  return bad;
}"""


def says(text: str) -> ScriptedModels:
    return ScriptedModels({"small": lambda _: text})


def test_formulas_are_drawn_in_each_way_that_models_write_them(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, council(tmp_path, models=says(ANSWER))) as page:
        page.ask("everything about math")
        answer = page.page.locator(".answer")
        expect(answer.locator("math")).to_have_count(4)
        expect(answer.locator(".formula.wide math mfrac msqrt")).to_have_count(1)
        expect(answer.locator("math mtable mtd")).to_have_count(4)
        expect(answer).to_contain_text("it costs $5 or $10")
        expect(answer.locator("code")).to_have_text("$HOME$")


def test_what_is_not_a_formula_stays_as_it_was_written(browser: Browser, tmp_path: Path) -> None:
    text = r"Use \(\undefined{x}\) or \(\frac{1}{\), and $x^2$."
    with opened(browser, council(tmp_path, models=says(text))) as page:
        page.ask("everything about math")
        answer = page.page.locator(".answer")
        expect(answer.locator("math")).to_have_count(1)
        expect(answer.locator("code.formula")).to_have_text(
            [r"\(\undefined{x}\)", r"\(\frac{1}{\)"]
        )


@pytest.mark.parametrize(
    "text",
    [
        "$5 and $10",
        "US$5, A$6 and $7",
        "between $ 5 and $ 6",
        r"\$x$ is none",
        "$$ alone",
        "5$ or 6$",
    ],
)
def test_money_is_not_a_formula(browser: Browser, tmp_path: Path, text: str) -> None:
    with opened(browser, council(tmp_path)) as page:
        found = page.page.evaluate(
            """async (text) => {
              const { markdown } = await import("/page/markdown.js");
              return markdown(text).querySelectorAll(".formula").length;
            }""",
            text,
        )
    assert found == 0


def test_no_formula_becomes_markup_a_link_or_a_style(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, council(tmp_path)) as page:
        page.page.evaluate(_RENDER, list(HOSTILE))
        page.page.locator("#rendered > .text:last-child math").wait_for()
        assert page.page.locator("#rendered math").count() > len(HOSTILE)
        assert page.page.evaluate(_FOUND) == []
        assert page.page.evaluate("window.pwned === undefined")


def test_a_formula_that_defines_commands_is_not_drawn(browser: Browser, tmp_path: Path) -> None:
    bomb = r"\def\a{" + "x" * 400 + "}" + r"\a" * 250
    with opened(browser, council(tmp_path, models=says(f"$x$ and $${bomb}$$"))) as page:
        page.ask("everything about math")
        answer = page.page.locator(".answer")
        expect(answer.locator("math")).to_have_count(1)
        expect(answer.locator("code.formula")).to_have_count(1)
