"""Experts in a folder of their author: a project, or a domain folder, that is not installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

from metier.errors import InvalidInput
from metier.settings.reading import MAX_TOML_BYTES, parsed_toml, read_text

GROUP = "metier.experts"
CARD = "domain.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Where the experts of a folder are.

    Attributes:
        folder: the project's own folder, or that of the card.
        points: its experts as its `pyproject.toml` declares them; none if it is a folder with
            a card alone.
    """

    folder: Path
    points: tuple[EntryPoint, ...] = ()

    @property
    def search_path(self) -> list[str]:
        """What Python has to search to import it: the project's folder, and `src` in it."""
        folders = (self.folder, self.folder / "src")
        return [str(folder) for folder in folders if folder.is_dir()]


def project_at(path: Path) -> Project:
    """The project at a path: its folder, a folder inside of it, or a domain folder or card.

    A card inside of a project whose `pyproject.toml` names its package belongs to that project.

    Raises:
        InvalidInput: there is no expert, or a `pyproject.toml` that cannot be read.
    """
    given = path.resolve()
    folder = given.parent if given.name == CARD else given
    if points := _points(folder):
        return Project(folder=folder, points=points)
    if not (folder / CARD).is_file():
        raise InvalidInput(
            f"{path} holds no expert: no {CARD}, and no pyproject.toml with experts in "
            f'[project.entry-points."{GROUP}"]',
            hint="Start one with: metier experts new NAME",
        )
    for parent in folder.parents:
        own = [point for point in _points(parent) if _package(point, parent) == folder]
        if own:
            return Project(folder=parent, points=tuple(own))
        if (parent / "pyproject.toml").is_file():
            break
    return Project(folder=folder)


def _package(point: EntryPoint, folder: Path) -> Path | None:
    """The folder of an entry point's package, which its card lies in."""
    steps = point.value.partition(":")[0].strip().split(".")
    found = (root.joinpath(*steps) for root in (folder, folder / "src"))
    return next((package for package in found if package.is_dir()), None)


def _points(folder: Path) -> tuple[EntryPoint, ...]:
    file = folder / "pyproject.toml"
    if not file.is_file():
        return ()
    try:
        data = parsed_toml(read_text(file, max_bytes=MAX_TOML_BYTES))
    except OSError as exc:
        raise InvalidInput(f"{file} cannot be read: {exc.strerror}") from exc
    # tomllib lets a plain ValueError out for a number that is too long.
    except ValueError as exc:
        raise InvalidInput(f"{file} cannot be read: {exc}") from exc
    named = _table(data, ("project", "entry-points", GROUP))
    return tuple(
        EntryPoint(name=name, value=str(value), group=GROUP) for name, value in named.items()
    )


def _table(data: Mapping[str, object], keys: Sequence[str]) -> Mapping[str, object]:
    found: object = data
    for key in keys:
        found = found.get(key, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}
