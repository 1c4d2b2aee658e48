"""`metier doctor`: find what is wrong, and show the command that fixes it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import click

from metier.cli.session import FAILED, errors_for_people, load_settings, run_async
from metier.cli.terminal import styled

if TYPE_CHECKING:
    from metier.council import Council
    from metier.council.health import Check


@click.command(epilog="Example: metier doctor --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(*, as_json: bool) -> None:
    """Check that everything needed to answer is installed. Nothing is started.

    How many prompts a server keeps is measured, and remembered.
    """
    with errors_for_people(as_json=as_json):
        from metier.cli.text import as_json as dumped
        from metier.council import Council

        council = Council.from_installed(load_settings())
        checks = run_async(partial(_checks, council), closing=council)
        if as_json:
            click.echo(dumped({"checks": [asdict(check) for check in checks]}))
        else:
            for check in checks:
                mark, colour = ("ok  ", "green") if check.ok else ("FAIL", "red")
                mend = f"  →  {check.fix}" if check.fix else ""
                styled(mark, fg=colour, nl=False)
                click.echo(f" {check.name}: {check.detail}{mend}")
        sys.exit(0 if all(check.ok for check in checks) else FAILED)


async def _checks(council: Council) -> list[Check]:
    from metier.council.health import examined
    from metier.merging.health import merge_checks

    return [*await examined(council, measuring=True), *await merge_checks(council)]
