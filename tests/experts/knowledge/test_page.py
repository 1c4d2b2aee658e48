"""The program of docs/knowledge.md prints what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from metier import Card, Council, Expert, Settings
from metier.testing import FixedEmbedder, ScriptedModels

PAGE = Path(__file__).parents[3] / "docs" / "knowledge.md"


def test_the_program_of_the_page_prints_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program, printed = re.findall(
        r"```python\n(# quotes\.py\n.*?)```\n\n```text\n(.*?)```",
        PAGE.read_text(encoding="utf-8"),
        re.DOTALL,
    )[0]
    (tmp_path / "guidelines").mkdir()
    guide = "# Warfarin\n\nWarfarin must not be given together with aspirin unless …\n"
    (tmp_path / "guidelines" / "warfarin.md").write_text(guide, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    card = Card(id="medical", description="medicine", models=("small",))
    council = Council.of(
        [Expert(card)],
        settings=Settings.load(),
        server=ScriptedModels({}),
        embedder=FixedEmbedder(),
    )
    monkeypatch.setattr(Council, "from_installed", lambda: council)
    exec(compile(program, "quotes.py", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == printed
