"""Names of a bridge, imported when they are first used; what is missing is said."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping


def lazily(bridge: str, homes: Mapping[str, str], *, extra: str) -> Callable[[str], object]:
    """A module's `__getattr__` for names that live in submodules.

    Args:
        bridge: the module.
        homes: the submodule of each name.
        extra: what has to be installed for it.

    Raises:
        ImportError: the extra is not installed; the message says how to install it.
    """

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {bridge!r} has no attribute {name!r}")
        try:
            home = importlib.import_module(f"{bridge}.{homes[name]}")
        except ModuleNotFoundError as exc:
            raise ImportError(
                f"{bridge} needs {exc.name}, which is not installed. "
                f"Install it with: pip install 'metier[{extra}]'"
            ) from exc
        return getattr(home, name)

    return get
