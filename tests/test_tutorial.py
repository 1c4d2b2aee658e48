"""The tutorial, done: each file is written, each command run, in the order of the page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from fake_ollama import fake_ollama
from offline import Environment, environment

from metier.models.embedder import Role, Vectors, unit
from metier.models.sentence_transformers import SentenceTransformersEmbedder

PAGE = Path(__file__).parent.parent / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(sh|toml|python|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MODELS = ("all-minilm", "qwen2.5-coder:1.5b")


class Remembering:
    """The real embedder, which is asked for each text once: the page builds two indexes."""

    def __init__(self, folder: Path) -> None:
        self._inner = SentenceTransformersEmbedder(str(folder))
        self._known: dict[str, Vectors] = {}

    @property
    def id(self) -> str:
        return self._inner.id

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            vectors = await self._inner.embed(new, role=role)
            self._known |= dict(zip(new, vectors, strict=True))
        return unit([self._known[text] for text in texts])


def blocks() -> Iterator[tuple[str, str]]:
    yield from BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def lines_of(block: str) -> Iterator[str]:
    """The commands of a block of shell, those with a here-document whole."""
    whole = re.split(r"(?m)^(cat > .*?^END$)", block, flags=re.DOTALL)
    for part in whole:
        yield from [part] if part.startswith("cat >") else part.splitlines()


def does(page: Iterator[tuple[str, str]], mine: Environment, folder: Path) -> dict[str, str]:
    """Follow the page; returns what each command printed, the last time that it was run."""
    printed: dict[str, str] = {}
    here = folder
    for language, text in page:
        if language in ("toml", "python"):
            target = here / text.splitlines()[0].removeprefix("# ")
            target.write_text(text, encoding="utf-8")
        for line in lines_of(text) if language == "sh" else ():
            if line.startswith("cd "):
                here /= line.removeprefix("cd ")
            elif line:
                printed[line] = mine.run(line, folder=here).stdout
    return printed


@pytest.fixture
def printed(
    tmp_path: Path, minilm: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    with fake_ollama(Remembering(minilm), models=MODELS, reply="We use synergies.") as server:
        monkeypatch.setenv("OLLAMA_HOST", server.host)
        yield does(blocks(), environment(tmp_path / "venv"), tmp_path)


def test_the_tutorial_can_be_followed(printed: dict[str, str], tmp_path: Path) -> None:
    question = '"Does this follow our house style: We utilise synergies!"'
    assert "18 ok, 0 to note, 0 failed" in printed["metier experts check ."]
    assert "1 house_style" in printed[f"metier experts try . --dry-run {question}"]
    answer = printed[f"metier experts try . {question}"]
    assert answer.startswith("- Write 'use' for 'utilise'.\n- Leave exclamation marks out.\n")
    assert answer.endswith("We use synergies.\n")
    judged = printed["metier evaluate routing --expert ."]
    assert re.search(r"its own questions that reach it +6 +100\.0 %", judged), judged
    assert " passed" in printed["pytest"]
    plan = printed['metier plan "Check my welcome letter against the style guide"']
    assert "1 house_style" in plan
    assert "house_style" in printed["metier experts list"]
    code = tmp_path / "metier-house-style" / "metier_house_style" / "__init__.py"
    assert len(code.read_text(encoding="utf-8").splitlines()) <= 40
