"""Results that are kept: in a file as they come, and without their texts in docs/results/."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel

import metier

Item = TypeVar("Item", bound=BaseModel)


class Keeping(Generic[Item]):
    """Items by their place; a run that is stopped goes on where it was.

    Args:
        kind: what the items are.
        file: the items as they came; each is written to it at once.
        published: what earlier runs published; None if nothing is.
        place: what an item is found by; None where it does not count.
    """

    def __init__(
        self,
        kind: type[Item],
        file: Path,
        published: Path | None,
        *,
        place: Callable[[Item], Hashable | None],
    ) -> None:
        self._file = file
        self._published = published
        self._place = place
        self._items: dict[Hashable, Item] = {}
        file.parent.mkdir(parents=True, exist_ok=True)
        for each in filter(None, (published, file)):
            for line in each.read_text().splitlines() if each.exists() else ():
                self._remember(kind.model_validate_json(line))

    def get(self, place: Hashable) -> Item | None:
        """What is kept there."""
        return self._items.get(place)

    def add(self, item: Item) -> Item:
        """Keep an item, instead of what was kept there."""
        self._remember(item)
        with self._file.open("a") as file:
            file.write(f"{item.model_dump_json()}\n")
        return item

    def publish(self, shown: Callable[[Item], Item | None]) -> None:
        """Write the items as they are shown; one that is shown as None is left out."""
        if self._published is None:
            return
        items = [shown(item) for item in self._items.values()]
        lines = sorted(item.model_dump_json(exclude_defaults=True) for item in items if item)
        self._published.write_text("".join(f"{line}\n" for line in lines))

    def _remember(self, item: Item) -> None:
        if (place := self._place(item)) is not None:
            self._items[place] = item


def key_of(*texts: str) -> str:
    """A hash over texts, by which what was asked is found again."""
    return hashlib.sha256("\x00".join(texts).encode()).hexdigest()[:24]


@cache
def revision() -> str:
    """A hash over the code and the cards of metier and of its plugins."""
    root = Path(metier.__file__).parents[2]
    files = [
        file
        for folder in ("sdk", "plugins", "domains")
        for kind in ("*.py", "*.toml")
        for file in (root / folder).rglob(kind)
        if "tests" not in file.parts
    ]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
