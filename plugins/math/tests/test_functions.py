from __future__ import annotations

import re
from pathlib import Path

import pytest

from metier.errors import InvalidInput
from metier_math.functions import ALIASES, FUNCTIONS, named

README = Path(__file__).parent.parent / "README.md"


def test_the_readme_names_every_function() -> None:
    page = README.read_text(encoding="utf-8")
    table = page[page.index("| of | functions |") : page.index("```python")]
    listed = set(re.findall(r"[a-z]\w+", " ".join(re.findall(r"`([^`]+)`", table))))
    trigonometric = {"sin", "cos", "tan", "sec", "csc", "cot", "asin", "acos", "atan"}
    assert listed | trigonometric == set(FUNCTIONS)


def test_another_name_means_a_function_of_the_table() -> None:
    assert set(ALIASES.values()) <= set(FUNCTIONS)
    assert not set(ALIASES) & set(FUNCTIONS)


def test_a_function_that_is_not_there_has_its_neighbour_named() -> None:
    with pytest.raises(InvalidInput, match=r"medain.*median") as raised:
        named("medain")
    assert "quartiles" in raised.value.hint
