"""The code expert: code comes fenced, and what does not parse is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from metier import Answer, Card, Council, Settings
from metier.plan import Plan, Step
from metier.testing import FixedEmbedder, ScriptedModels
from metier_code import Code
from metier_code.fences import blocks, fenced, is_python

CARD = Card(id="code", description="code", models=("small",), stream="checked")
FUNCTION = "def double(x):\n    return 2 * x"


def ask(reply: str, folder: Path) -> Answer:
    step = Step(id="1", task="Write it.", expert="code")
    with (
        ScriptedModels({"small": [reply]}) as models,
        Council.of(
            [Code(CARD)],
            settings=Settings(cache_dir=folder),
            server=models,
            embedder=FixedEmbedder(),
        ) as council,
    ):
        return council.run_sync(Plan(question="Write it.", steps=(step,)))


def test_fenced_python_that_parses_is_checked(tmp_path: Path) -> None:
    answer = ask(f"Here:\n```python\n{FUNCTION}\n```\nIt doubles.", tmp_path)
    assert answer.parts[0].checked
    assert answer.text.count("```") == 2


def test_python_that_does_not_parse_is_said(tmp_path: Path) -> None:
    answer = ask("```python\ndef double(x:\n```", tmp_path)
    assert answer.parts[0].checked is False
    assert answer.text.endswith("Note: this Python does not parse.")


def test_other_languages_are_left_as_they_are(tmp_path: Path) -> None:
    reply = "```sql\nSELECT 1;\n```"
    answer = ask(reply, tmp_path)
    assert (answer.text, answer.parts[0].checked) == (reply, None)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (FUNCTION, f"```python\n{FUNCTION}\n```"),
        (f"```\n{FUNCTION}\n```", f"```python\n{FUNCTION}\n```"),
        (f"```python\n{FUNCTION}", f"```python\n{FUNCTION}\n```"),
        ("A list is mutable.", "A list is mutable."),
        ("yes", "yes"),
        ("```\nls -l\n```", "```\nls -l\n```"),
    ],
)
def test_code_without_a_fence_gets_one(text: str, made: str) -> None:
    assert fenced(text) == made


def test_the_blocks_of_a_text_are_found_with_their_languages() -> None:
    text = "One:\n```python\na = 1\n```\ntwo:\n```\nb\n```"
    assert [(block.language, block.code) for block in blocks(text)] == [
        ("python", "a = 1"),
        ("", "b"),
    ]


@pytest.mark.parametrize("code", ["", "hello", "1 +", "\x00", "(" * 500])
def test_what_is_no_program_is_no_python(code: str) -> None:
    assert not is_python(code)


def test_the_skills_give_code_without_the_words() -> None:
    code = Code(CARD)
    assert code.extract(f"Here:\n```python\n{FUNCTION}\n```") == FUNCTION
    assert code.parses(FUNCTION)
