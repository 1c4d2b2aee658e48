"""A project for a new expert, copied from one that works.

`template/` is such a project, of an expert called `my_expert`; `declarative/` has what differs
where it has no code. The name stands in files' names and texts and is replaced, nothing else is.
"""

from __future__ import annotations

import keyword
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from metier.errors import InvalidInput
from metier.experts.card import is_id

_HERE = Path(__file__).parent
_LEFT_OUT = ("__pycache__", ".pytest_cache", ".ruff_cache")


def create(
    name: str, *, into: Path = Path(), declarative: bool = False, taken: Collection[str] = ()
) -> Path:
    """Make the project's folder, `metier-NAME`, and return it.

    Args:
        name: the expert's id.
        into: the folder that it is made in.
        declarative: a card alone, without code.
        taken: ids that are in use.

    Raises:
        InvalidInput: the name cannot be an id or is taken; the folder is there or cannot be made.
    """
    _check(name, taken)
    folder = into / f"metier-{name.replace('_', '-')}"
    if folder.exists():
        raise InvalidInput(f"{folder} is there already", hint="Choose another name, or --into")
    try:
        into.mkdir(parents=True, exist_ok=True)
        # Whole or not at all.
        with tempfile.TemporaryDirectory(dir=into, prefix=".metier-") as scratch:
            made = Path(scratch) / "project"
            for file, text in _files(name, declarative=declarative):
                (made / file).parent.mkdir(parents=True, exist_ok=True)
                (made / file).write_text(text, encoding="utf-8")
            shutil.move(made, folder)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise InvalidInput(f"{folder} cannot be made: {reason}", hint="Choose --into") from exc
    return folder


def _check(name: str, taken: Collection[str]) -> None:
    if not is_id(name) or keyword.iskeyword(name):
        raise InvalidInput(
            f"an expert cannot be called {name!r}",
            hint="A small letter, then small letters, digits and _, such as house_style",
        )
    if name in taken:
        raise InvalidInput(f"there is an expert {name!r}", hint="See: metier experts list")


def _files(name: str, *, declarative: bool) -> Iterator[tuple[str, str]]:
    """The project's files, with the new name in their paths and texts."""
    found = dict(_read(_HERE / "template"))
    if declarative:
        found |= dict(_read(_HERE / "declarative"))
        found.pop("metier_my_expert/py.typed")
    for file, text in found.items():
        yield _renamed(file, name), _renamed(_adapted(text) if declarative else text, name)


def _read(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not set(file.parts) & set(_LEFT_OUT):
            yield file.relative_to(folder).as_posix(), file.read_text(encoding="utf-8")


def _adapted(text: str) -> str:
    """Without the class: the entry point names the package alone."""
    lines = (line for line in text.splitlines(keepends=True) if "__init__.py" not in line)
    return "".join(lines).replace('"metier_my_expert:MyExpert"', '"metier_my_expert"')


def _renamed(text: str, name: str) -> str:
    camel = "".join(part.capitalize() for part in name.split("_"))
    words = {"my_expert": name, "MyExpert": camel, "my-expert": name.replace("_", "-")}
    return re.sub("|".join(words), lambda found: words[found[0]], text)
