"""Which step needs which: only where the words or the kinds say so."""

from __future__ import annotations

import re
from collections.abc import Sequence

from metier.capability import Capability

_POINTS_BACK = re.compile(
    r"\b(?:it|its|them|they|their|he|she|his|her|him|that|this|those|these|above|accordingly|"
    r"the (?:result|results|answer|output|above|previous|former|latter|same)|so obtained)\b",
    re.IGNORECASE,
)
# `that` as a conjunction or relative pronoun points nowhere.
_NOT_POINTING = re.compile(
    r"\b(?:function|script|program|code|class|query|one|so|such|say|show|explain|prove|means?|"
    r"given|something|anything|someone|(?<=\w )is) that\b",
    re.IGNORECASE,
)
_DEFINITE = re.compile(r"\b(?:the|that|this|these|those)\s+([a-z][a-z-]{2,})\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z][a-z-]{2,}")
_EMPTY_NOUNS = frozenset(
    "same other following first second next last best most only way rest time whole case "
    "difference following answer result".split()
)


def links(
    tasks: Sequence[str], capabilities: Sequence[Capability | None]
) -> tuple[tuple[int, ...], ...]:
    """For each task, the numbers of the earlier tasks that it needs.

    A task needs the one before it where it points back (`that`, `it`, `the result`), and any
    earlier one whose noun it takes up with an article (`the dose`). A link is dropped where the
    capability cannot use the kind that the earlier one returns.
    """
    needs: list[tuple[int, ...]] = []
    for n, task in enumerate(tasks):
        wanted = {m for m in range(n) if _takes_up(task, tasks[m])}
        if n and _points_back(task):
            wanted.add(n - 1)
        needs.append(tuple(sorted(m for m in wanted if _usable(capabilities[n], capabilities[m]))))
    return tuple(needs)


def _points_back(task: str) -> bool:
    return _POINTS_BACK.search(_NOT_POINTING.sub("", task)) is not None


def _takes_up(task: str, earlier: str) -> bool:
    nouns = {match[1].lower() for match in _DEFINITE.finditer(task)} - _EMPTY_NOUNS
    return bool(nouns & set(_WORD.findall(earlier.lower())))


def _usable(later: Capability | None, earlier: Capability | None) -> bool:
    if later is None or earlier is None:
        return True
    return "text" in later.inputs or earlier.output in later.inputs
