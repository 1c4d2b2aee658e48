"""What the page says is seen, too, not only heard."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept_runs import council
from page.browser import opened
from page.test_accessible import violations
from playwright.sync_api import Browser, expect


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_what_the_page_says_is_shown_until_it_is_clicked_away(
    browser: Browser, tmp_path: Path, dark: bool
) -> None:
    sound = {"name": "birds.mp3", "mimeType": "audio/mpeg", "buffer": b"ID3\0birds"}
    with opened(browser, council(tmp_path), width=360, dark=dark) as page:
        page.page.get_by_text("Expert, strategy, documents").click()
        page.page.get_by_label("Documents").set_input_files(sound)
        shown = page.page.locator("#toast p")
        expect(shown).to_contain_text("birds.mp3 is not a text")
        expect(shown).to_be_in_viewport(ratio=1)
        assert violations(page.page) == []
        shown.click()
        expect(shown).to_have_count(0)
