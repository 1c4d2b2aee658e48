"""Which experts are there. Listing them imports no plugin's code."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Self

from metier.errors import InvalidCard, MetierError, PluginBroken, UnknownExpert
from metier.experts.card import Card, read_card
from metier.experts.loading import built, card_file, own_card
from metier.experts.projects import CARD, GROUP, Project, project_at
from metier.experts.threads import started
from metier.settings import Settings

# Listing and planning need the cards alone.
if TYPE_CHECKING:
    from metier.experts.expert import Expert
    from metier.experts.tools import Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An expert that can be asked.

    Attributes:
        origin: the file of its card, or the class that was given.
        code: the plugin's entry point; None if the card alone is the expert.
        search_path: folders that its code is imported from, if it is not installed.
    """

    card: Card
    origin: str
    code: EntryPoint | None = None
    search_path: tuple[str, ...] = ()


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
        load_timeout_s: deadline for importing and building a plugin.
    """

    def __init__(self, *, strict: bool = False, load_timeout_s: float = 60) -> None:
        self._strict = strict
        self._load_timeout_s = load_timeout_s
        self._entries: dict[str, Entry] = {}
        self._experts: dict[str, Expert] = {}
        self._broken: list[Broken] = []
        self._endless: dict[str, PluginBroken] = {}

    @classmethod
    def from_installed(cls, settings: Settings) -> Self:
        """The experts of domain folders and of installed plugins.

        Folders: those that come with metier, and those in the settings. An installed plugin of
        the same id supplies the code, the folder stays the source of the card.

        Raises:
            MetierError: only with `strict_plugins`.
        """
        registry = cls(strict=settings.strict_plugins, load_timeout_s=settings.plugin_timeout_s)
        roots = [Path(os.path.realpath(root)) for root in (builtin_domains(), *settings.domains)]
        for root in dict.fromkeys(roots):
            for file in registry._cards_in(root):
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

    def add_at(self, path: Path) -> tuple[str, ...]:
        """Add the experts of a project or a domain folder, without installing them.

        Each takes the place of one with its id. No code is run before an expert is used.

        Returns:
            Their ids.

        Raises:
            InvalidInput: there is no expert at the path.
            InvalidCard, PluginBroken: a card that cannot be used, or a module that is not there.
        """
        project = project_at(path)
        if project.points:
            added = [self._entry_of(point, project) for point in project.points]
        else:
            file = project.folder / CARD
            added = [Entry(card=read_card(file), origin=str(file))]
        for entry in added:
            self._entries[entry.card.id] = entry
            self._experts.pop(entry.card.id, None)
        return tuple(entry.card.id for entry in added)

    def _entry_of(self, point: EntryPoint, project: Project) -> Entry:
        """The entry of a project's entry point; a folder of its id stays the source of the card."""
        search_path = tuple(project.search_path)
        file = card_file(point, search_path)
        known = self._entries.get(point.name)
        if not file.is_file() and known is not None:
            return replace(known, code=point, search_path=search_path)
        card = own_card(point, file)
        code = point if point.attr else None
        return Entry(card=card, origin=str(file), code=code, search_path=search_path)

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

    @property
    def built(self) -> Mapping[str, Expert]:
        """The experts whose code was imported already, by id."""
        return self._experts

    def expert(self, name: str) -> Expert:
        """The expert itself; its plugin's code is imported now.

        Raises:
            UnknownExpert: there is none of this id.
            PluginBroken: its code cannot be imported or built, or not in time. It stays listed
                as broken.
        """
        if name not in self._entries:
            raise UnknownExpert(name, self._entries)
        if name not in self._experts:
            entry = self._entries[name]
            try:
                self._experts[name] = self._loaded(entry)
            except PluginBroken as exc:
                self._skip(name, entry.origin, exc)
                raise
        return self._experts[name]

    def _loaded(self, entry: Entry) -> Expert:
        """The expert of an entry, built in a thread where that runs a plugin's code."""
        if entry.code is None:
            return built(entry.card, None)
        if (endless := self._endless.get(entry.card.id)) is not None:
            raise endless  # its thread still holds the import's lock
        build = partial(built, entry.card, entry.code, entry.search_path)
        try:
            return started(build).result(timeout=self._load_timeout_s)
        except TimeoutError as exc:
            broken = PluginBroken(
                entry.card.id,
                f"importing and building {entry.code.value} did not end within "
                f"{self._load_timeout_s:g} s",
            )
            self._endless[entry.card.id] = broken
            raise broken from exc

    async def aclose(self) -> None:
        """Have the experts that were built let go what they hold."""
        import anyio

        for name, expert in self._experts.items():
            try:
                with anyio.fail_after(self._load_timeout_s):
                    await expert.aclose()
            # A plugin's own end must not keep the others from theirs.
            except (Exception, SystemExit) as exc:  # noqa: BLE001
                error = PluginBroken(name, f"closing it raised {type(exc).__name__}: {exc}")
                self._note(name, self._entries[name].origin, error)

    def tool(self, name: str) -> Tool | None:
        """The tool `expert.tool`, or None if it is not there."""
        owner, _, method = name.partition(".")
        try:
            return self.expert(owner).tools.get(method)
        except (UnknownExpert, PluginBroken):
            return None

    def _cards_in(self, root: Path) -> list[Path]:
        try:
            return sorted(root.glob(f"*/{CARD}"))
        except OSError as exc:
            error = InvalidCard(f"{root} cannot be read: {exc.strerror}")
            self._skip(root.name, str(root), error)
            return []

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
            file = card_file(point)
            entry = self._entries.get(point.name)
            # One that names a package and no class is a card alone.
            code = point if point.attr else None
            if entry is not None and entry.code is None and code is not None:
                self._entries[point.name] = replace(entry, code=code)
                return
            if entry is not None:
                raise self._duplicate(point.name, origin)
            card = own_card(point, file)
        except MetierError as exc:
            self._skip(point.name, origin, exc)
            return
        self._entries[card.id] = Entry(card=card, origin=str(file), code=code)

    def _duplicate(self, name: str, origin: str) -> InvalidCard:
        first = self._entries[name]
        owner = f"{first.origin} ({first.code.value})" if first.code else first.origin
        return InvalidCard(
            f"the id {name!r} of {origin} is taken by {owner}", hint="Give one of them another id"
        )

    def _skip(self, name: str, origin: str, error: MetierError) -> None:
        if self._strict:
            raise error
        self._note(name, origin, error)

    def _note(self, name: str, origin: str, error: MetierError) -> None:
        # One that is asked again and again is broken once.
        self._broken = [each for each in self._broken if (each.name, each.origin) != (name, origin)]
        self._broken.append(Broken(name=name, origin=origin, error=error))


def builtin_domains() -> Path:
    """The domains that come with metier: in the wheel, or next to `sdk/` in a checkout."""
    here = Path(__file__).parent.parent
    shipped = here / "domains"
    return shipped if shipped.is_dir() else here.parent.parent / "domains"
