"""What the browser tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from page.browser import CHROMIUM, browsing
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module's tests; each opens a window of its own."""
    if CHROMIUM is None:
        pytest.skip("no chromium: apt install chromium")
    with browsing() as started:
        yield started
