"""Command options for how several answers to a step become one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from metier.cli.completion import complete_model, complete_strategy

if TYPE_CHECKING:
    from metier.plan import Combining, OptionValue


def combining_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add options for a strategy, its options and models; the command gets them as `how`."""

    @wraps(command)
    def combined(
        *args: object,
        strategy: str,
        models: tuple[str, ...],
        options: tuple[str, ...],
        samples: int | None,
        **others: object,
    ) -> None:
        given = dict(map(option_of, options)) | ({} if samples is None else {"samples": samples})
        command(*args, how=combining_of(strategy, models, given), **others)

    for option in (
        click.option(
            "--samples",
            type=int,
            metavar="N",
            help="Maximum number of answers per step; short for -o samples=N.",
        ),
        click.option(
            "-o",
            "--option",
            "options",
            multiple=True,
            metavar="KEY=VALUE",
            help="Option of the strategy, such as samples=8. Repeatable.",
        ),
        click.option(
            "--with",
            "models",
            multiple=True,
            metavar="MODEL",
            shell_complete=complete_model,
            help="Model that takes part in each step. Repeatable.",
        ),
        click.option(
            "-s",
            "--strategy",
            metavar="NAME",
            default="single",
            show_default=True,
            shell_complete=complete_strategy,
            help="How several answers to a step become one. See: metier strategies list",
        ),
    ):
        combined = option(combined)
    return combined


def option_of(text: str) -> tuple[str, OptionValue]:
    """Parse an option as typed: `samples=8`, `verify=true`, `sure=0.9`, `name=some text`.

    Raises:
        click.UsageError: it is not KEY=VALUE.
    """
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.UsageError(f"an option is KEY=VALUE, not {text!r}")
    try:
        parsed = json.loads(value)
    except ValueError:
        return name, value
    return name, parsed if isinstance(parsed, (bool, int, float)) else value


def combining_of(
    strategy: str, models: tuple[str, ...], options: Mapping[str, OptionValue]
) -> Combining:
    """Return how several answers to each step of a plan are combined.

    Raises:
        click.UsageError: the strategy `single` does not use such models or options.
    """
    from metier.plan import Combining

    if strategy == "single" and (len(models) > 1 or options):
        raise click.UsageError("--with and --option need a --strategy that combines answers")
    return Combining(strategy=strategy, models=models, options=dict(options))
