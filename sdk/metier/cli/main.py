"""The `metier` command group; `ask` is the command that needs no name."""

from __future__ import annotations

import difflib
import importlib
import sys
from typing import Any

import click

from metier.cli.terminal import guarded

# Imported only when called or listed, so that a question loads only `ask`.
_COMMANDS = {
    "ask": "metier.cli.ask:ask",
    "chat": "metier.cli.chat.command:chat",
    "cluster": "metier.cli.cluster:cluster",
    "completion": "metier.cli.completion:completion",
    "config": "metier.cli.config:config",
    "doctor": "metier.cli.doctor:doctor",
    "evaluate": "metier.cli.evaluate:evaluate",
    "experts": "metier.cli.experts:experts",
    "index": "metier.cli.index:index",
    "knowledge": "metier.cli.knowledge:knowledge",
    "learn": "metier.cli.learn:learn",
    "mcp": "metier.cli.mcp:mcp",
    "merge": "metier.cli.merge:merge",
    "models": "metier.cli.models:models",
    "plan": "metier.cli.ask:plan",
    "rate": "metier.cli.rate:rate",
    "run": "metier.cli.ask:run",
    "runs": "metier.cli.runs:runs",
    "serve": "metier.cli.serve:serve",
    "strategies": "metier.cli.strategies:strategies",
}

_EPILOG = """\b
Examples:
  metier "What is 15% of 80?"
  metier plan "Convert 5 km to miles, then write a Python function for it."
  cat report.md | metier ask "Summarise this in three sentences."
"""


class DefaultGroup(click.Group):
    """A group that takes words as a question if they name no command."""

    def main(self, *args: Any, **given: Any) -> Any:  # noqa: ANN401  # click's own, passed on
        """Run a command; nothing that it prints, errors included, can control the terminal."""
        with guarded():
            return super().main(*args, **given)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `ask` before a question."""
        if not args and not sys.stdin.isatty():
            args = ["ask"]
        if args and args[0] not in _COMMANDS and not self._is_own_option(args[0]):
            self._refuse_typo(ctx, args[0])
            args = ["ask", *args]
        return super().parse_args(ctx, args)

    @staticmethod
    def _is_own_option(word: str) -> bool:
        return word in ("-h", "--help", "--version")

    def _refuse_typo(self, ctx: click.Context, word: str) -> None:
        close = difflib.get_close_matches(word, _COMMANDS, n=1, cutoff=0.75)
        if close and word.isalpha():
            raise click.UsageError(
                f"no command is called {word!r}; did you mean {close[0]!r}? "
                f"To ask it as a question: metier ask {word}",
                ctx=ctx,
            )


@click.group(
    cls=DefaultGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
    epilog=_EPILOG,
    no_args_is_help=True,
)
@click.version_option(package_name="metier", message="%(version)s")
def cli() -> None:
    """Ask local domain experts. A planner picks and chains them; one answer comes back."""
