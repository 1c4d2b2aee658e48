"""A project for a new expert or a new strategy, copied from one that works.

`template/` is the project of an expert called `my_expert`; `declarative/` holds what differs for
an expert without code; `strategy/` is the project of a strategy called `my_strategy`. Only the
name is replaced, in the files' names and texts.
"""

from __future__ import annotations

import keyword
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal, assert_never

from metier.errors import InvalidInput
from metier.experts.card import is_id

_HERE = Path(__file__).parent
_LEFT_OUT = ("__pycache__", ".pytest_cache", ".ruff_cache")
_CHECK = "      - run: metier experts check .\n"
_SHARED = (".github/workflows/test.yml", ".gitignore")

ScaffoldKind = Literal["expert", "card", "strategy"]


def create(
    name: str, *, into: Path = Path(), kind: ScaffoldKind = "expert", taken: Collection[str] = ()
) -> Path:
    """Make the project's folder, `metier-NAME`, and return it.

    Args:
        name: the id of the expert, or the name of the strategy.
        into: the folder that it is made in.
        kind: an expert with code, an expert that is a card alone, or a strategy.
        taken: names that are in use.

    Raises:
        InvalidInput: the name cannot be an id or is taken; the folder is there or cannot be made.
    """
    _check(name, kind, taken)
    folder = into / f"metier-{name.replace('_', '-')}"
    if folder.exists():
        raise InvalidInput(f"{folder} is there already", hint="Choose another name, or --into")
    try:
        into.mkdir(parents=True, exist_ok=True)
        # Whole or not at all.
        with tempfile.TemporaryDirectory(dir=into, prefix=".metier-") as scratch:
            made = Path(scratch) / "project"
            for file, text in _files(name, kind):
                (made / file).parent.mkdir(parents=True, exist_ok=True)
                (made / file).write_text(text, encoding="utf-8")
            shutil.move(made, folder)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise InvalidInput(f"{folder} cannot be made: {reason}", hint="Choose --into") from exc
    return folder


def _check(name: str, kind: ScaffoldKind, taken: Collection[str]) -> None:
    what = "a strategy" if kind == "strategy" else "an expert"
    if not is_id(name) or keyword.iskeyword(name):
        raise InvalidInput(
            f"{what} cannot be called {name!r}",
            hint="A small letter, then small letters, digits and _, such as house_style",
        )
    if name in taken:
        listing = "strategies" if kind == "strategy" else "experts"
        raise InvalidInput(f"there is {what} {name!r}", hint=f"See: metier {listing} list")


def _files(name: str, kind: ScaffoldKind) -> Iterator[tuple[str, str]]:
    """The project's files, with the new name in their paths and texts."""
    found = dict(_read(_HERE / "template"))
    match kind:
        case "expert":
            pass
        case "card":
            found |= dict(_read(_HERE / "declarative"))
            found.pop("metier_my_expert/py.typed")
            found = {file: _adapted(text) for file, text in found.items()}
        case "strategy":
            shared = {file: found[file].replace(_CHECK, "") for file in _SHARED}
            found = shared | dict(_read(_HERE / "strategy"))
        case _:
            assert_never(kind)
    for file, text in found.items():
        yield _renamed(file, name), _renamed(text, name)


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
    words: dict[str, str] = {}
    for kind in ("expert", "strategy"):
        words |= {f"my_{kind}": name, f"my-{kind}": name.replace("_", "-")}
        words[f"My{kind.capitalize()}"] = camel
    return re.sub("|".join(words), lambda found: words[found[0]], text)
