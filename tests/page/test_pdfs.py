"""PDFs that people attach to a question."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from kept_runs import council
from page.asking import caller
from pdfs import pdf

from metier.serving import ServingLimits
from metier.serving.page import pdfs

pytestmark = pytest.mark.anyio

BOMB = pdf([""], packed=b"BT /F1 12 Tf " + b"(a)Tj " * 2_000_000 + b"ET")


async def test_a_pdf_becomes_a_text(tmp_path: Path) -> None:
    data = pdf(["First page of it.", "Two lines."], [], ["The third page."])
    async with council(tmp_path) as asked, caller(asked) as client:
        reply = await client.post("/metier/pdf", content=data)
    assert reply.json() == {"text": "First page of it.\nTwo lines.\n\n\n\nThe third page."}


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"The albatross glides.", 400, "this is not a PDF"),
        (b"%PDF-1.4 and nothing", 400, "this PDF cannot be read: it is damaged"),
        (pdf([]), 400, "it has no text, only pictures"),
        (pdf(["Many words."]), 400, "its text has more than 8 characters"),
        (BOMB, 400, "reading it takes more than 1 s"),
        (b"%PDF-" + bytes(1 << 20), 413, "larger than 1000000 bytes"),
    ],
    ids=["a text", "damaged", "no text", "much text", "much time", "too large"],
)
async def test_a_pdf_that_cannot_be_read_says_why(
    tmp_path: Path, data: bytes, status: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdfs, "MAX_CHARS", 8)
    monkeypatch.setattr(pdfs, "CPU_S", 1)
    limits = ServingLimits(body_bytes=1_000_000)
    async with council(tmp_path) as asked, caller(asked, limits=limits) as client:
        reply = await client.post("/metier/pdf", content=data)
    assert reply.status_code == status
    assert reason in reply.json()["error"]["message"]


async def test_a_missing_reader_is_said_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        reply = await client.post("/metier/pdf", content=pdf(["Words."]))
    assert reply.status_code == 400
    assert "pip install 'metier[pdf]'" in reply.json()["error"]["message"]
