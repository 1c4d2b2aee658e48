"""Which experts are there. Listing them imports no plugin's code."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Self

from metier.capability import Card, read_card
from metier.errors import InvalidCard, MetierError, PluginBroken, UnknownExpert
from metier.settings import Settings

# Listing and planning need the cards alone.
if TYPE_CHECKING:
    from metier.expert import Expert
    from metier.skills import Skill

GROUP = "metier.experts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An expert that can be asked.

    Attributes:
        origin: the file of its card, or the class that was given.
        code: the plugin's entry point; None where the card alone is the expert.
    """

    card: Card
    origin: str
    code: EntryPoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A plugin or domain that was skipped, and why."""

    name: str
    origin: str
    error: MetierError


class Registry:
    """The experts by id, in the order in which they were found.

    Args:
        strict: raise the first problem instead of listing it.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict
        self._entries: dict[str, Entry] = {}
        self._experts: dict[str, Expert] = {}
        self._broken: list[Broken] = []

    @classmethod
    def from_installed(cls, settings: Settings) -> Self:
        """The experts of domain folders and of installed plugins.

        Folders: those that come with metier, and those in the settings. An installed plugin of
        the same id supplies the code, the folder stays the source of the card.

        Raises:
            MetierError: only with `strict_plugins`.
        """
        registry = cls(strict=settings.strict_plugins)
        roots = [root.resolve() for root in (builtin_domains(), *settings.domains)]
        for root in dict.fromkeys(roots):
            for file in sorted(root.glob("*/domain.toml")):
                registry._add_folder(file)
        for point in importlib.metadata.entry_points(group=GROUP):
            registry._add_plugin(point)
        return registry

    @classmethod
    def of(cls, experts: Iterable[Expert]) -> Self:
        """Exactly these experts."""
        registry = cls()
        for expert in experts:
            registry.add(expert)
        return registry

    def add(self, expert: Expert) -> None:
        """Add an expert given in code; it takes the place of one with the same id."""
        origin = f"{type(expert).__module__}.{type(expert).__qualname__}"
        self._entries[expert.id] = Entry(card=expert.card, origin=origin)
        self._experts[expert.id] = expert

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The experts that can be asked."""
        return self._entries

    @property
    def broken(self) -> tuple[Broken, ...]:
        """What was skipped."""
        return tuple(self._broken)

    @property
    def cards(self) -> dict[str, Card]:
        """The cards by id."""
        return {name: entry.card for name, entry in self._entries.items()}

    def expert(self, name: str) -> Expert:
        """The expert itself; its plugin's code is imported now.

        Raises:
            UnknownExpert: there is none of this id.
            PluginBroken: its code cannot be imported or built. It stays listed as broken.
        """
        if name not in self._entries:
            raise UnknownExpert(name, self._entries)
        if name not in self._experts:
            entry = self._entries[name]
            try:
                self._experts[name] = _built(entry)
            except PluginBroken as exc:
                self._skip(name, entry.origin, exc)
                raise
        return self._experts[name]

    async def aclose(self) -> None:
        """Have the experts that were built let go what they hold."""
        for expert in self._experts.values():
            await expert.aclose()

    def skill(self, name: str) -> Skill | None:
        """The skill `expert.skill`, or None where it is not there."""
        owner, _, method = name.partition(".")
        try:
            return self.expert(owner).skills.get(method)
        except (UnknownExpert, PluginBroken):
            return None

    def _add_folder(self, file: Path) -> None:
        try:
            card = read_card(file)
        except InvalidCard as exc:
            self._skip(file.parent.name, str(file), exc)
            return
        if card.id in self._entries:
            self._skip(card.id, str(file), self._duplicate(card.id, str(file)))
            return
        self._entries[card.id] = Entry(card=card, origin=str(file))

    def _add_plugin(self, point: EntryPoint) -> None:
        origin = f"{point.dist.name if point.dist else '?'}: {point.value}"
        try:
            file = _card_file(point)
            entry = self._entries.get(point.name)
            if entry is not None and entry.code is None:
                self._entries[point.name] = Entry(card=entry.card, origin=entry.origin, code=point)
                return
            if entry is not None:
                raise self._duplicate(point.name, origin)
            card = read_card(file)
            if card.id != point.name:
                raise InvalidCard(
                    f"{file}: the id {card.id!r} differs from the entry point's {point.name!r}"
                )
        except MetierError as exc:
            self._skip(point.name, origin, exc)
            return
        self._entries[card.id] = Entry(card=card, origin=str(file), code=point)

    def _duplicate(self, name: str, origin: str) -> InvalidCard:
        first = self._entries[name]
        owner = f"{first.origin} ({first.code.value})" if first.code else first.origin
        return InvalidCard(
            f"the id {name!r} of {origin} is taken by {owner}", hint="Give one of them another id"
        )

    def _skip(self, name: str, origin: str, error: MetierError) -> None:
        if self._strict:
            raise error
        # One that is asked again and again is broken once.
        self._broken = [each for each in self._broken if (each.name, each.origin) != (name, origin)]
        self._broken.append(Broken(name=name, origin=origin, error=error))


def builtin_domains() -> Path:
    """The domains that come with metier: in the wheel, or beside `sdk/` in a checkout."""
    here = Path(__file__).parent
    shipped = here / "domains"
    return shipped if shipped.is_dir() else here.parent.parent / "domains"


def _built(entry: Entry) -> Expert:
    from metier.expert import Expert

    if entry.code is None:
        return Expert(entry.card)
    try:
        kind = entry.code.load()
        expert = kind(entry.card)
    # A plugin's import may raise anything; it must not take the host with it.
    except (Exception, SystemExit) as exc:
        raise PluginBroken(entry.card.id, f"{type(exc).__name__}: {exc}") from exc
    if not isinstance(expert, Expert):
        raise PluginBroken(entry.card.id, f"{entry.code.value} is no metier.Expert")
    return expert


def _card_file(point: EntryPoint) -> Path:
    """Where the plugin's card lies or would lie, found without importing the plugin.

    `importlib.resources` and `find_spec` of a dotted name import the package; the spec of a
    top-level name does not, so the rest of the path is walked by hand.

    Raises:
        PluginBroken: the entry point names no module, or one that is not installed.
    """
    try:
        top, *rest = point.module.split(".")
    except (AttributeError, ValueError) as exc:  # importlib.metadata's own words for it
        raise PluginBroken(point.name, f"{point.value!r} names no class of a module") from exc
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError) as exc:
        raise PluginBroken(point.name, f"{point.value}: {exc}") from exc
    if spec is None:
        raise PluginBroken(point.name, f"module {top!r} of {point.value!r} is not installed")
    if spec.submodule_search_locations is None:
        return Path(spec.origin or "").parent / "domain.toml"
    for location in spec.submodule_search_locations:
        folder = Path(location).joinpath(*rest)
        if folder.is_dir():
            return folder / "domain.toml"
        if folder.with_suffix(".py").is_file():
            return folder.parent / "domain.toml"
    raise PluginBroken(point.name, f"module {point.module!r} is not installed")
