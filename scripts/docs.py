#!/usr/bin/env python3
"""Write the pages of docs/ that are made from the code: settings, errors, commands.

`docs.py --check` changes nothing and fails where a page differs from the code.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from metier import errors
from metier.settings import Settings

if TYPE_CHECKING:
    import click
    from pydantic.fields import FieldInfo

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
HELP_WIDTH = 88
HEADER = "<!-- Made by scripts/docs.py from {source}; do not edit. -->\n\n"

SETTINGS = """\
# Settings

Every setting has a name, an environment variable and a default. metier takes its value from the
first of these that gives one:

1. the call: `Settings(num_ctx=8192)`, `Settings.load(num_ctx=8192)`, an option such as `--timeout`;
2. the environment: `METIER_NUM_CTX=8192`;
3. the file: `num_ctx = 8192` in `config.toml` (`metier config path` prints where it is; the
   variable `METIER_CONFIG` names another file);
4. the default.

`Settings(…)` uses only its arguments; `Settings.load(…)` also reads the environment and the file.
An unknown name or an invalid value raises [InvalidSettings](errors.md#invalidsettings), which says
where it was found.

```sh
metier config get                # all current settings and their meanings
metier config get num_ctx
metier config set num_ctx 8192   # in the file
```

| name | environment variable | default | meaning |
| --- | --- | --- | --- |
"""
SETTINGS_END = """
`host` can be `host`, `host:port` or a URL, like Ollama's `OLLAMA_HOST`; `0.0.0.0` means this
machine. `METIER_HOST` takes precedence over `OLLAMA_HOST`. [Several machines](hosts.md) describes
`hosts`, `runs_on`, `cluster` and `remote_steps`; with `hosts`, `host` is only used to create
merged models. `domains` is a list of strings in the file; in the environment and in `metier
config set` its folders are separated as in `PATH`. Switches take `true` or `false`.

`metier config set` replaces the whole file at once: if it is killed or the disk is full, the old
file stays, and two commands at the same time both take effect. Only you can read the file (mode
0600) and metier's cache and state folders (0700). Existing folders keep their mode, so create a
folder yourself to share it. Files that a killed command left half written are removed by the next
one.
"""
# What a default that is made at run time is called here: it differs from machine to machine.
MADE_DEFAULTS = {
    "cache_dir": "the platform's cache folder for `metier`",
    "state_dir": "the platform's state folder for `metier`",
}

ERRORS = """\
# Errors

Every error that metier raises is a `MetierError`. It carries a stable `code` for programs, a
`message`, a `hint` that says what to do next (it may be empty), and `retryable`: whether the same
call may succeed later. Asking, planning and running, reading files, and the command line let no
error of a library out; where one is the cause, it is chained (`__cause__`).

Left as they are: cancellation; `pydantic.ValidationError` where your code builds a value with a
field that does not fit (`Step(id="a b", …)`), and from `parse_event`; errors of a framework that a
bridge lives in, in that framework's own calls.

```text
{tree}
```

A step that fails inside a plan does not raise: its error becomes a
[StepFailed](events.md#step_failed) event and an entry of `Answer.missing` with the same code.
Where no step has a result, `ask` and `run` raise the first error.

The command line prints message and hint on stderr and exits with 2 for `InvalidInput`,
`InvalidSettings` and `UnknownExpert`, else with 1; with `--json` it prints
`{{"error": {{"code": …, "message": …, "hint": …}}}}` on stdout too.

In the hints below, `…` stands for a value.
"""

CLI = """\
# The command line

The answer goes to stdout; the plan, progress, warnings and errors go to stderr. If stdout is not a
terminal, the text is plain. `-h` works everywhere.

| exit code | meaning |
| --- | --- |
| 0 | answered |
| 1 | failed |
| 2 | usage: an empty question, an unknown option, setting or expert |
| 3 | a partial answer: a step failed, and the answer names it |
| 130 | interrupted |

Text on stdin is the question where none is given; where one is given, it is a document that the
question is about (see [decision 6](decisions/0006-stdin-is-a-document.md)). Words that name no
command are a question: `metier "What is 15% of 80?"` is `metier ask "What is 15% of 80?"`.

Answers, names and errors may hold characters that steer a terminal: escape sequences that move the
cursor, set the title or fill the clipboard. All control characters but newlines and tabs are
printed as escapes (`\\u001b`). So are the characters that change the order of text (U+202A to
U+202E, U+2066 to U+2069), but only on a terminal and in `--json` and `--jsonl`: in a pipe or a file
they stay, because Arabic and Hebrew may need them.
"""


def settings_page() -> str:
    fields = Settings.model_fields.items()
    rows = "".join(setting_row(name, field) for name, field in fields)
    source = HEADER.format(source="metier.settings")
    return f"{source}{SETTINGS}{rows}{SETTINGS_END}"


def setting_row(name: str, field: FieldInfo) -> str:
    variables = [f"METIER_{name.upper()}", *(["OLLAMA_HOST"] if name == "host" else [])]
    listed = ", ".join(f"`{variable}`" for variable in variables)
    meaning = "; ".join([field.description or "", *limits(field)])
    return f"| `{name}` | {listed} | {shown_default(name, field)} | {meaning} |\n"


def shown_default(name: str, field: FieldInfo) -> str:
    if field.default_factory is not None:
        return MADE_DEFAULTS[name]
    if field.default == {}:
        return "none"
    match field.default:
        case None | ():
            return "none"
        case bool() as switch:
            return f"`{str(switch).lower()}`"
        case value:
            return f"`{value}`"


def limits(field: FieldInfo) -> Iterator[str]:
    """Which values a setting may have, in words."""
    if get_origin(field.annotation) is Literal:
        yield " or ".join(f"`{choice}`" for choice in get_args(field.annotation))
    for rule in field.metadata:
        if (least := getattr(rule, "ge", None)) is not None:
            yield f"at least {least}"
        if (above := getattr(rule, "gt", None)) is not None:
            yield f"above {above}"


def errors_page() -> str:
    tree = error_tree()
    hints = hints_in(ROOT / "sdk" / "metier")
    sections = "".join(error_section(kind, hints.get(kind.__name__, [])) for kind in error_types())
    return HEADER.format(source="metier.errors") + ERRORS.format(tree=tree) + sections


def error_tree() -> str:
    return textwrap.dedent((errors.__doc__ or "").split("::\n")[1]).strip("\n")


def error_types() -> list[type[errors.MetierError]]:
    """The errors in the order of their tree."""
    return [getattr(errors, name) for name in re.findall(r"^\W*(\w+)", error_tree(), re.MULTILINE)]


def error_section(kind: type[errors.MetierError], hints: list[str]) -> str:
    parent = "" if kind is errors.MetierError else f", a kind of `{kind.__mro__[1].__name__}`"
    kinds = ", ".join(f"`{child.__name__}`" for child in kind.__subclasses__())
    lines = [
        f"code: `{kind.code}`{parent}",
        f"when: {(kind.__doc__ or '').partition(chr(10))[0]}",
        f"retryable: {'yes' if kind.retryable else 'no'}",
        *([f"its kinds: {kinds}"] if kinds else []),
        *(f"what to do: {hint}" for hint in hints),
    ]
    if not kinds and not hints:
        lines.append("what to do: there is no hint; the message says what happened")
    return f"\n## {kind.__name__}\n\n" + "".join(f"- {line}\n" for line in lines)


def hints_in(folder: Path) -> dict[str, list[str]]:
    """The hints of each error, as its class or the places that raise it write them."""
    found: dict[str, list[str]] = {}
    for file in sorted(folder.rglob("*.py"), key=lambda path: (path.parent.name != "errors", path)):
        for name, hint in hints_of(ast.parse(file.read_text(encoding="utf-8"))):
            known = found.setdefault(name, [])
            if hint and hint not in known:
                known.append(hint)
    return found


def hints_of(tree: ast.AST, owner: str = "") -> Iterator[tuple[str, str]]:
    """Pairs of an error's name and a hint that it is made with."""
    for node in ast.iter_child_nodes(tree):
        inside = node.name if isinstance(node, ast.ClassDef) else owner
        if isinstance(node, ast.Call) and (name := error_made(node, owner)):
            hints = [word.value for word in node.keywords if word.arg == "hint"]
            yield from ((name, text_of(hint)) for hint in hints)
        yield from hints_of(node, inside)


def error_made(call: ast.Call, owner: str) -> str:
    """The error that a call makes: by its name, or `super().__init__` inside its class."""
    match call.func:
        case ast.Name(id=name) if name in vars(errors):
            return name
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"):
            return owner if owner in vars(errors) else ""
        case _:
            return ""


def text_of(node: ast.expr) -> str:
    """A string's text, with `…` for what is filled in when it runs."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(text_of(part) for part in parts)
        case ast.FormattedValue():
            return "…"
        case _:
            return ""


def cli_page() -> str:
    from metier.cli.main import cli

    sections = "".join(command_section(words) for words in commands(cli))
    return HEADER.format(source="metier.cli") + CLI + sections


def commands(command: click.Command, *words: str) -> Iterator[tuple[str, ...]]:
    """The words of every command, each group before its members."""
    import click

    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            member = command.get_command(context, name)
            assert member is not None  # it was listed
            yield from commands(member, *words, name)


def command_section(words: tuple[str, ...]) -> str:
    from click.testing import CliRunner

    from metier.cli.main import cli

    arguments = [*words, "--help"]
    shown = CliRunner().invoke(cli, arguments, prog_name="metier", terminal_width=HELP_WIDTH)
    text = "\n".join(line.rstrip() for line in shown.output.strip().splitlines())
    level = "#" * min(2 + len(words[1:]), 3)
    return f"\n{level} {' '.join(('metier', *words))}\n\n```text\n{text}\n```\n"


PAGES = {"settings.md": settings_page, "errors.md": errors_page, "cli.md": cli_page}


def stale() -> list[str]:
    """The pages that differ from what the code says now."""
    current = {name: DOCS / name for name in PAGES}
    return [
        name
        for name, file in current.items()
        if not file.exists() or file.read_text(encoding="utf-8") != PAGES[name]()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        for name in stale():
            (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
            print(f"wrote docs/{name}", file=sys.stderr)
    elif found := stale():
        pages = ", ".join(f"docs/{name}" for name in found)
        sys.exit(f"docs: {pages} differ from the code; run: python scripts/docs.py")


if __name__ == "__main__":
    main()
