"""A plugin's card, found without its code, and its code, imported and built."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Sequence
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING

from metier.errors import InvalidCard, PluginBroken
from metier.experts.card import Card, read_card
from metier.experts.projects import CARD

# Listing and planning need the cards alone.
if TYPE_CHECKING:
    from metier.experts.expert import Expert


def built(card: Card, code: EntryPoint | None, search_path: Sequence[str] = ()) -> Expert:
    """The expert of a card, by its plugin's class where there is one, which is imported now.

    Args:
        search_path: folders that it is imported from, if it is not installed.

    Raises:
        PluginBroken: it cannot be imported or built.
    """
    from metier.experts.expert import Expert

    if code is None:
        return Expert(card)
    for folder in reversed(search_path):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    try:
        kind = code.load()
        expert = kind(card)
    # A plugin's import may raise anything; it must not take the host with it.
    except (Exception, SystemExit) as exc:
        reason = f"{type(exc).__name__}: {exc}{placed(exc, code.module)}"
        raise PluginBroken(card.id, reason) from exc
    if not isinstance(expert, Expert):
        raise PluginBroken(card.id, f"{code.value} is no metier.Expert")
    return expert


def place_of(exc: BaseException, module: str) -> str:
    """`file:line` of the last line of a package that led to an error; empty if none did."""
    if isinstance(exc, SyntaxError) and exc.filename:
        return f"{exc.filename}:{exc.lineno}"
    top = module.partition(".")[0]
    own = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in traceback.walk_tb(exc.__traceback__)
        if str(frame.f_globals.get("__name__")).partition(".")[0] == top
    ]
    return own[-1] if own else ""


def placed(exc: BaseException, module: str) -> str:
    """The place of an error, to be put behind a message."""
    place = place_of(exc, module)
    return f" ({place})" if place else ""


def own_card(point: EntryPoint, file: Path) -> Card:
    """The card of an entry point, which has its name as its id.

    Raises:
        InvalidCard: it cannot be used, or has another id.
    """
    card = read_card(file)
    if card.id != point.name:
        raise InvalidCard(
            f"{file}: the id {card.id!r} differs from the entry point's {point.name!r}",
            hint=f"Write `id = {point.name!r}`, or rename the entry point in pyproject.toml",
        )
    return card


def card_file(point: EntryPoint, search_path: Sequence[str] = ()) -> Path:
    """Where the plugin's card lies or would lie, found without importing the plugin.

    `importlib.resources` and `find_spec` of a dotted name import the package; the spec of a
    top-level name does not, so the rest of the path is walked by hand.

    Args:
        search_path: where to look; where Python looks if not given.

    Raises:
        PluginBroken: the entry point names no module, or one that is not installed.
    """
    try:
        top, *rest = point.module.split(".")
    except (AttributeError, ValueError) as exc:  # importlib.metadata's own words for it
        raise PluginBroken(point.name, f"{point.value!r} names no class of a module") from exc
    try:
        if search_path:
            spec = PathFinder.find_spec(top, search_path)
        else:
            spec = importlib.util.find_spec(top)
    except (ImportError, ValueError) as exc:
        raise PluginBroken(point.name, f"{point.value}: {exc}") from exc
    if spec is None:
        raise PluginBroken(point.name, f"module {top!r} of {point.value!r} is not installed")
    if spec.submodule_search_locations is None:
        return Path(spec.origin or "").parent / CARD
    for location in spec.submodule_search_locations:
        folder = Path(location).joinpath(*rest)
        if folder.is_dir():
            return folder / CARD
        if folder.with_suffix(".py").is_file():
            return folder.parent / CARD
    raise PluginBroken(point.name, f"module {point.module!r} is not installed")
