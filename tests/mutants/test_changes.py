"""Which mistakes are made, and which are not."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from mutants.changes import mutants

SOURCE = '''\
"""A module."""

MOST: int = 3


def first(a: int, b: "str" = "x") -> list["int"]:
    """Say which."""
    if a < MOST and not b:
        raise ValueError("never more than one")
    found = same(a, b)
    return max(found, a)
'''


def changes(folder: Path, source: str) -> list[str]:
    file = folder / "module.py"
    file.write_text(source, encoding="utf-8")
    return [mutant.change for mutant in mutants(file)]


def test_operators_constants_statements_results_and_arguments_are_changed(tmp_path: Path) -> None:
    assert changes(tmp_path, SOURCE) == [
        "3: 3 -> 4",
        "6: 'x' -> 'xXX'",
        "8: if a < MOST and (not b): -> if not (a < MOST and (not b)):",
        "8: a < MOST and (not b) -> a < MOST or not b",
        "8: a < MOST -> a <= MOST",
        "8: not b -> b",
        "9: raise ValueError('never more than one') -> pass",
        "10: same(a, b) -> same(b, a)",
        "11: return max(found, a) -> return None",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "__all__ = ['a']",
        "assert a < b",
        "@dataclass(slots=True)\nclass A:\n    __slots__ = ('a',)",
        "emit(Notice(text='gone'))",
        "for a, b in zip(c, strict=True):\n    pass",
        "x: dict[str, 3]",
        "Kind = A | B | Literal['a', 'b']",
        "said = f'{a + b}'",
        "said = 'for a person'",
    ],
)
def test_what_no_behaviour_depends_on_stays(source: str, tmp_path: Path) -> None:
    assert [change for change in changes(tmp_path, source) if "-> pass" not in change] == []


def test_a_mutant_is_its_module_with_one_change(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(SOURCE, encoding="utf-8")
    plain = ast.unparse(ast.parse(SOURCE)).splitlines()
    for mutant in mutants(file):
        changed = ast.unparse(mutant.tree()).splitlines()
        assert sum(one != other for one, other in zip(plain, changed, strict=True)) == 1


@pytest.mark.parametrize(
    ("number", "lines"), [(0, range(0)), (1, range(0)), (2, range(8, 9)), (6, range(9, 10))]
)
def test_what_runs_on_import_has_no_lines_to_reach(
    number: int, lines: range, tmp_path: Path
) -> None:
    file = tmp_path / "module.py"
    file.write_text(SOURCE, encoding="utf-8")
    assert mutants(file)[number].lines == lines
