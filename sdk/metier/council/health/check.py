"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of one check.

    Attributes:
        fix: the command that fixes it, or improves it if it is well.
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""
