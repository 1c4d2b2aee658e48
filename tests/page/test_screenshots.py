"""The pictures in the README: `SCREENSHOTS=docs/images` renews them.

The words are those of the answer in the README, which qwen2.5-coder:1.5b gave, shortened; here they
come from scripted models.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from kept_runs import card, council
from page.browser import Opened, opened
from playwright.sync_api import Browser, expect

from metier.council import Council
from metier.experts.expert import Expert
from metier.models.server import ChatRequest
from metier.plan import Candidate, Plan, Step
from metier.testing import ScriptedModels

ROOT = Path(__file__).parents[2]
MOST_BYTES = 150_000
MODEL = "qwen2.5-coder:1.5b"
DOSE = "A patient weighs 70 kg and needs 15 mg/kg of paracetamol. What is one dose in mg?"
CODE = "Write a Python function that gives the dose for any weight"
RISKS = "Say when paracetamol must not be given"
WORDS = {
    DOSE: r"$$70 \cdot 15 = 1050$$" + "\n\n**Result: 1050 mg**",
    CODE: (
        "```python\ndef calculate_paracetamol_dose(weight, dosage_per_kg):\n"
        '    """Calculate the dose of paracetamol for a given weight."""\n'
        "    return weight * dosage_per_kg\n```"
    ),
    RISKS: "known allergy to paracetamol; severe liver disease or active liver failure",
}


def words(request: ChatRequest) -> str:
    asked = request.messages[-1].content
    return WORDS[max(WORDS, key=asked.rfind)]


def made(folder: Path) -> Council:
    names = ("general", "math", "code", "medical")
    experts = [Expert(card(name, models=(MODEL,))) for name in names]
    return council(folder, *experts, models=ScriptedModels({MODEL: words}))


def plan() -> Plan:
    likely = Candidate(
        expert="math",
        score=0.68,
        probability=0.68,
        capability="calculate",
        example="A patient weighs 62 kg and the order is 8 mg/kg. How many mg is that?",
        words=("patient", "weighs", "kg", "dose"),
    )
    other = Candidate(expert="medical", score=0.54, probability=0.54, capability="medicines")
    steps = (
        Step(id="1", task=DOSE, expert="math", candidates=(likely, other)),
        Step(id="2", task=CODE, expert="code", needs=("1",)),
        Step(id="3", task=RISKS, expert="medical"),
    )
    return Plan(question=f"{DOSE} Then {CODE[0].lower()}{CODE[1:]}. {RISKS}.", steps=steps)


def keep(page: Opened, name: str, folder: Path) -> bytes:
    """The window as a WebP, which Playwright itself does not make."""
    session = page.page.context.new_cdp_session(page.page)
    shot = session.send("Page.captureScreenshot", {"format": "webp", "quality": 70})
    picture = base64.b64decode(shot["data"])
    kept = ROOT / os.environ.get("SCREENSHOTS", folder)
    kept.mkdir(exist_ok=True)
    (kept / name).write_bytes(picture)
    return picture


@pytest.mark.parametrize(
    ("name", "width", "height", "dark"),
    [("page-laptop.webp", 1280, 1180, False), ("page-phone.webp", 360, 780, True)],
    ids=["laptop", "phone"],
)
def test_a_picture_of_an_answer_with_its_plan(
    browser: Browser, tmp_path: Path, name: str, width: int, height: int, dark: bool
) -> None:
    asked = made(tmp_path)
    asked.run_sync(plan())
    kept = asked.runs.newest()[0].id if asked.runs else ""
    with opened(browser, asked, width=width, dark=dark, path=f"/#/run/{kept}") as page:
        page.page.set_viewport_size({"width": width, "height": height})
        if not dark:
            page.page.get_by_role("button", name="Step 1").click()
            expect(page.page.get_by_role("table", name="Who was considered")).to_be_visible()
        expect(page.page.locator(".answer math")).to_have_count(1)
        page.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        picture = keep(page, name, tmp_path)
    assert 5_000 < len(picture) <= MOST_BYTES


@pytest.mark.parametrize("name", ["page-laptop.webp", "page-phone.webp"])
def test_the_readme_shows_it(name: str) -> None:
    assert f"docs/images/{name}" in (ROOT / "README.md").read_text()
    assert (ROOT / "docs" / "images" / name).stat().st_size <= MOST_BYTES
