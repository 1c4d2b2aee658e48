#!/usr/bin/env python3
"""Write down what others may rely on, line by line: docs/released-api.txt and docs/schemas/.

`api.py` writes what was added. A line that is gone or different breaks somebody, and so does a new
field that a card or a plan must have: that is written only with `--breaking`; docs/api-policy.md
says when. `api.py --check` changes nothing and fails where the files differ from the code.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import BaseModel, TypeAdapter

from metier.events import Event
from metier.experts.card import DomainFile
from metier.plan import Plan

if TYPE_CHECKING:
    import click

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docs" / "released-api.txt"
SCHEMAS = ROOT / "docs" / "schemas"
HEADER = "# Made by scripts/api.py; do not edit. What a line promises: docs/api-policy.md\n"

# What is public: the names without an underscore of these, or the ones that are named.
MODULES = (
    "metier",
    "metier.answer",
    "metier.errors",
    "metier.evaluating.questions",
    "metier.evaluating.routing:evaluated_routing",
    "metier.evaluating.routing:RoutingReport",
    "metier.events",
    "metier.experts.card",
    "metier.experts.expert",
    "metier.experts.knowledge.passages:Passage",
    "metier.experts.knowledge.passages:QUOTE",
    "metier.experts.knowledge.passages:cite_quotes",
    "metier.experts.knowledge.quotes:check_quotes",
    "metier.experts.registry",
    "metier.experts.threads:in_thread",
    "metier.grading",
    "metier.models.embedder",
    "metier.models.server",
    "metier.plan",
    "metier.sandbox",
    "metier.strategies.choices.choice_probabilities:ChoiceProbabilities",
    "metier.strategies.choices.choice_probabilities:choice_probabilities",
    "metier.testing",
    "metier.testing.fixtures",
)
# Whoever writes these has to fill in what is required; the others are only read.
WRITTEN_BY_USERS = ("card", "plan")
_SHOWN_DEFAULTS = (type(None), bool, int, float, str, tuple)


def lines() -> list[str]:
    """Every promise, sorted."""
    found = {line for name in MODULES for line in module_lines(name)}
    found |= {line for name, schema in schemas().items() for line in schema_lines(name, schema)}
    return sorted(found | set(command_lines()))


def module_lines(place: str) -> Iterator[str]:
    module = importlib.import_module(place.partition(":")[0])
    for name in names_of(place):
        yield from object_lines(f"{module.__name__}.{name}", getattr(module, name))


def names_of(place: str) -> Sequence[str]:
    """The public names of a module, or the one that is named."""
    path, _, one = place.partition(":")
    return [one] if one else public_names(importlib.import_module(path))


def promised() -> set[str]:
    """What may be imported, as `module.name`."""
    return {f"{place.partition(':')[0]}.{name}" for place in MODULES for name in names_of(place)}


def public_names(module: ModuleType) -> Sequence[str]:
    if (listed := getattr(module, "__all__", None)) is not None:
        return listed
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


def object_lines(name: str, value: object) -> Iterator[str]:
    if inspect.isclass(value):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        yield f"class {name}({bases})"
        yield from class_lines(name, value)
    elif inspect.isroutine(value):
        yield f"{name}{signature(value)}"
    else:
        yield f"value {name}"


def class_lines(name: str, kind: type) -> Iterator[str]:
    """How it is made, and the public members that metier's own classes give it."""
    if issubclass(kind, BaseModel):
        hints = get_type_hints(kind)  # without what is only checked, which the schemas say
        for field, info in kind.model_fields.items():
            required = " required" if info.is_required() else ""
            yield f"{name}.{field}: {annotation(hints[field])}{required}"
    elif "__init__" in vars(kind):
        yield f"{name}{signature(kind.__init__)}"
    for base in kind.__mro__:
        if base.__module__.startswith("metier"):
            for member, value in vars(base).items():
                if not member.startswith("_"):
                    yield from member_lines(f"{name}.{member}", value)


def member_lines(name: str, value: object) -> Iterator[str]:
    if isinstance(value, classmethod | staticmethod):
        yield f"{name}{signature(value.__func__)}"
    elif inspect.isfunction(value):
        yield f"{name}{signature(value)}"
    elif isinstance(value, property) or hasattr(value, "attrname"):
        yield f"property {name}"


def signature(function: Any) -> str:  # noqa: ANN401  # whatever can be called
    """As it is written, but for defaults that differ from machine to machine."""
    declared = inspect.signature(function)
    sort = " async" if inspect.iscoroutinefunction(function) else ""
    shown, keyword_only = [], False
    for parameter in declared.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            shown.append("*")
            keyword_only = True
        shown.append(parameter_text(parameter))
        keyword_only = keyword_only or parameter.kind is parameter.VAR_POSITIONAL
    returned = declared.return_annotation
    result = "" if returned is declared.empty else f" -> {annotation(returned)}"
    return f"{sort}({', '.join(shown)}){result}"


def parameter_text(parameter: inspect.Parameter) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = f"{stars}{parameter.name}"
    if parameter.annotation is not parameter.empty:
        text += f": {annotation(parameter.annotation)}"
    if parameter.default is not parameter.empty:
        known = isinstance(parameter.default, _SHOWN_DEFAULTS)
        text += f" = {parameter.default!r}" if known else " = …"
    return text


def annotation(value: object) -> str:
    return value if isinstance(value, str) else inspect.formatannotation(value)


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON schemas of what is written to files and streams."""
    return {
        "card": DomainFile.model_json_schema(),
        "events": TypeAdapter(Event).json_schema(),
        "plan": Plan.model_json_schema(),
    }


def schema_lines(name: str, schema: dict[str, Any]) -> Iterator[str]:
    """A line for each property, as compact JSON without what is there for people."""
    tables = {schema.get("title", "root"): schema, **schema.get("$defs", {})}
    for title, table in tables.items():
        for field, found in table.get("properties", {}).items():
            kept = {
                key: value for key, value in found.items() if key not in ("title", "description")
            }
            required = " required" if field in table.get("required", ()) else ""
            yield f"schema {name} {title}.{field} {json.dumps(kept, sort_keys=True)}{required}"


def command_lines() -> Iterator[str]:
    from metier.cli.main import cli

    yield from _command_lines(cli, "metier")


def _command_lines(
    command: click.Command, words: str, parent: click.Context | None = None
) -> Iterator[str]:
    import click

    # A command keeps the names of its option for help as the first context has them.
    context = click.Context(command, parent=parent, **command.context_settings)
    for parameter in command.get_params(context):
        own = isinstance(parameter, click.Option) and "--help" not in parameter.opts
        for option in parameter.opts if own else ():
            yield f"command {words} {option}"
    if not isinstance(command, click.Group):
        yield f"command {words}"
        return
    for name in command.list_commands(context):
        member = command.get_command(context, name)
        assert member is not None  # it was listed
        yield from _command_lines(member, f"{words} {name}", context)


def breaking(released: Sequence[str], now: Sequence[str]) -> list[str]:
    """What somebody's code, card or plan would not survive."""
    gone = [f"gone: {line}" for line in released if line not in set(now) and not rebased(line, now)]
    added = [line for line in now if line not in set(released)]
    owed = [
        f"newly required: {line}"
        for line in added
        if line.endswith(" required")
        and line.split()[:1] == ["schema"]
        and line.split()[1] in WRITTEN_BY_USERS
        and released
    ]
    return [*gone, *owed]


def rebased(line: str, now: Sequence[str]) -> bool:
    """Whether a line is a class that is still there, with one more base."""
    name, bases = split_bases(line)
    return any(name == other and bases < more for other, more in map(split_bases, now))


def split_bases(line: str) -> tuple[str, set[str]]:
    name, _, bases = line.partition("(")
    is_class = name.startswith("class ")
    return name, set(bases.rstrip(")").split(", ")) - {""} if is_class else set()


def released() -> list[str]:
    if not FILE.exists():
        return []
    return [line for line in FILE.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]


def write(now: Sequence[str]) -> None:
    FILE.write_text(HEADER + "".join(f"{line}\n" for line in now), encoding="utf-8")
    SCHEMAS.mkdir(exist_ok=True)
    for name, text in schema_files().items():
        (SCHEMAS / name).write_text(text, encoding="utf-8")


def schema_files() -> dict[str, str]:
    return {
        f"{name}.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas().items()
    }


def stale_schemas() -> list[str]:
    return [
        name
        for name, text in schema_files().items()
        if not (SCHEMAS / name).exists() or (SCHEMAS / name).read_text(encoding="utf-8") != text
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--breaking", action="store_true", help="write what breaks somebody, too")
    arguments = parser.parse_args()
    before, now = released(), lines()
    broken = [] if arguments.breaking else breaking(before, now)
    for line in broken:
        print(f"api: {line}", file=sys.stderr)
    if broken:
        sys.exit("api: this breaks somebody; put it back, or see docs/api-policy.md")
    if not arguments.check:
        write(now)
    elif before != now or stale_schemas():
        sys.exit("api: docs/released-api.txt lacks what is new; run: python scripts/api.py")


if __name__ == "__main__":
    main()
