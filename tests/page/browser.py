"""A real browser on a served council, and all that its policy reported."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, expect, sync_playwright
from serving.running_server import served

from metier.council import Council

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

# What the policy refused becomes an error of the console, which outlives a reload.
_REPORTING = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error("the policy refused", event.violatedDirective, event.blockedURI, event.sample));
"""
# What Chromium says of a request that failed or was refused.
FAILED = "Failed to load resource"


@dataclass
class Opened:
    """A page, with what went wrong in it and where it asked."""

    page: Page
    address: str = ""
    errors: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def ask(self, question: str) -> None:
        """Type a question, and wait until the page says that its run has ended."""
        before = self.page.locator(".turn").count()
        self.page.get_by_label("Question", exact=True).fill(question)
        self.page.get_by_role("button", name="Ask", exact=True).click()
        turn = self.page.locator(".turn").nth(before)
        turn.get_by_role("button", name="Ask again").wait_for()

    def new_question(self) -> None:
        """Begin a conversation, and wait until the one before is out of sight."""
        self.page.get_by_role("link", name="New question").click()
        expect(self.page.locator(".turn")).to_have_count(0)


@contextmanager
def browsing() -> Iterator[Browser]:
    """One browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@contextmanager
def browser_page(browser: Browser) -> Iterator[Page]:
    """A window of its own, in which requests may fail, and nothing else."""
    with _watched(browser) as found:
        yield found.page
        assert [error for error in found.errors if not error.startswith(FAILED)] == []
        assert [url for url in found.asked if not url.startswith("http://127.0.0.1:")] == []


@contextmanager
def opened(
    browser: Browser, council: Council, *, width: int = 1280, dark: bool = False, path: str = "/"
) -> Iterator[Opened]:
    """The page of a council; afterwards nothing may have gone wrong in it."""
    with served(council) as address, _watched(browser, width=width, dark=dark) as found:
        found.address = address
        found.page.goto(f"{address}{path}")
        yield found
        assert found.errors == []
        assert [url for url in found.asked if not url.startswith(f"{address}/")] == []


@contextmanager
def _watched(browser: Browser, *, width: int = 1280, dark: bool = False) -> Iterator[Opened]:
    """A window whose errors, reports of the policy and requests are collected."""
    scheme = "dark" if dark else "light"
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, locale="en-GB"
    )
    context.add_init_script(_REPORTING)
    page = context.new_page()
    page.set_default_timeout(60_000)
    found = Opened(page=page)
    page.on("pageerror", lambda error: found.errors.append(str(error)))
    page.on(
        "console",
        lambda line: found.errors.append(line.text) if line.type == "error" else None,
    )
    page.on("request", lambda request: found.asked.append(request.url))
    yield found
    context.close()
