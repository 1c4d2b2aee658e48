"""Old names: each still works for one minor version, with a warning that names the new one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TypeVar

V = TypeVar("V")


def warn_renamed(old: str, new: str, *, stacklevel: int = 3) -> None:
    """Warn the code that uses the old name of something in Python."""
    warnings.warn(_renamed(old, new), DeprecationWarning, stacklevel=stacklevel)


def with_new_keys(table: Mapping[str, V], names: Mapping[str, str]) -> dict[str, V]:
    """A table that a user wrote, with each old key under its new name.

    It warns with a `FutureWarning`, which Python shows to users, too. If a table has both keys,
    the old one stays, and is refused as unknown.
    """
    old_keys = [old for old, new in names.items() if old in table and new not in table]
    for old in old_keys:
        warnings.warn(_renamed(old, names[old]), FutureWarning, stacklevel=2)
    return {names[key] if key in old_keys else key: value for key, value in table.items()}


def new_name(name: str, names: Mapping[str, str]) -> str:
    """The new name, with a warning if this is an old one."""
    (new,) = with_new_keys({name: None}, names)
    return new


def _renamed(old: str, new: str) -> str:
    return f"{old!r} is called {new!r} since version 0.2; the old name goes in version 0.3"
