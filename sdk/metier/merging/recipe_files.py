"""Recipe files: TOML and YAML, not trusted, so of bounded size and depth."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metier.errors import InvalidRecipe, MergeUnavailable

if TYPE_CHECKING:
    from yaml.nodes import Node

_MOST_BYTES = 1 << 20
_MOST_LEVELS = 50
_MOST_VALUES = 100_000
# Python refuses to convert longer ones.
_LONG_NUMBER = re.compile(r"\d[\d_]{4299,}")


def text_of(file: Path) -> str:
    """Read the text of a recipe.

    Raises:
        InvalidRecipe: it cannot be read, is too large, or is not UTF-8 text.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
    except OSError as exc:
        raise InvalidRecipe(f"{file} cannot be read: {exc.strerror}") from exc
    if len(data) > _MOST_BYTES:
        raise InvalidRecipe(f"{file} cannot be read: it has more than {_MOST_BYTES} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise InvalidRecipe(f"{file} cannot be read: it is not UTF-8 text") from exc


def toml(text: str, *, where: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        InvalidRecipe: it is not TOML, is nested too deeply, or has a number that is too long.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise InvalidRecipe(f"{where}: {exc}") from exc
    except RecursionError as exc:
        raise _too_deep(where, _deepest_line(text)) from exc
    except ValueError as exc:
        found = _LONG_NUMBER.search(text)
        if found is None:
            raise InvalidRecipe(f"{where}: {exc}") from exc
        digits = sum(map(str.isdigit, found[0]))
        line = text.count("\n", 0, found.start()) + 1
        raise InvalidRecipe(f"{where}: line {line}: a number of {digits} digits") from exc


def yaml(text: str, *, where: str) -> object:
    """Parse YAML.

    Raises:
        InvalidRecipe: it is not YAML, is nested too deeply, or expands to too many values.
        MergeUnavailable: PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError as exc:
        raise MergeUnavailable(
            f"recipes in YAML need the package PyYAML, which cannot be imported ({exc})",
            hint="Install it: pip install 'metier[merge]'",
        ) from exc

    class Loader(yaml.SafeLoader):
        def construct_object(self, node: Node, deep: bool = False) -> Any:  # noqa: ANN401
            try:
                return super().construct_object(node, deep)
            # Raised by the package's own readers of dates and numbers.
            except (ValueError, AttributeError, LookupError, TypeError, OverflowError) as exc:
                line = node.start_mark.line + 1
                raise InvalidRecipe(f"{where}: line {line}: not a {node.tag}: {exc}") from exc

    try:
        _check_size(text, where)
        return yaml.load(text, Loader)  # noqa: S506  # a safe one
    except yaml.YAMLError as exc:
        raise InvalidRecipe(f"{where}: {exc}") from exc


def _check_size(text: str, where: str) -> None:
    """Limit the values, counting aliases each time: a few lines can expand to any number."""
    import yaml

    opened: list[tuple[str | None, int]] = []
    sizes: dict[str, int] = {}
    count = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1
        match event:
            case yaml.CollectionStartEvent():
                opened.append((event.anchor, count))
                count += 1
            case yaml.CollectionEndEvent():
                anchor, before = opened.pop()
                sizes[anchor or ""] = count - before
            case yaml.AliasEvent() if event.anchor in [anchor for anchor, _ in opened]:
                raise InvalidRecipe(f"{where}: line {line}: an alias that contains itself")
            case yaml.AliasEvent():
                count += sizes.get(event.anchor, 1)
            case yaml.ScalarEvent():
                count += 1
        if len(opened) > _MOST_LEVELS:
            raise _too_deep(where, line)
        if count > _MOST_VALUES:
            raise InvalidRecipe(f"{where}: line {line}: more than {_MOST_VALUES} values")


def _too_deep(where: str, line: int) -> InvalidRecipe:
    return InvalidRecipe(f"{where}: line {line}: it is nested too deeply")


def _deepest_line(text: str) -> int:
    """The approximate line at which too many brackets are open."""
    level = 0
    for number, line in enumerate(text.splitlines(), 1):
        level += sum(map(line.count, "[{")) - sum(map(line.count, "]}"))
        if level > _MOST_LEVELS:
            return number
    return 1
