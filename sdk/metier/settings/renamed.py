"""Old names: each still works for one minor version, with a warning that names the new one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping


def warn_renamed(old: str, new: str, *, stacklevel: int = 3) -> None:
    """Warn the code that uses the old name of something in Python."""
    warnings.warn(_renamed(old, new), DeprecationWarning, stacklevel=stacklevel)


def with_new_keys(table: object, names: Mapping[str, str]) -> object:
    """A table that a user wrote, with each old key under its new name.

    It warns with a `FutureWarning`, which Python shows to users, too. A table that has both keys
    is left as it is: the old one is unknown then.
    """
    if not isinstance(table, Mapping):
        return table
    old_keys = [old for old, new in names.items() if old in table and new not in table]
    for old in old_keys:
        warnings.warn(_renamed(old, names[old]), FutureWarning, stacklevel=2)
    return {names[key] if key in old_keys else key: value for key, value in table.items()}


def _renamed(old: str, new: str) -> str:
    return f"{old!r} is called {new!r} since version 0.2; the old name goes in version 0.3"
