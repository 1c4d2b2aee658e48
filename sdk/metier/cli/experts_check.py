"""`metier experts check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metier.cli.session import FAILED, errors_for_people
from metier.cli.terminal import styled

if TYPE_CHECKING:
    from metier.testing.checking import Finding

_COLOURS = {"ok": "green", "note": "yellow", "fail": "red"}


@click.command(epilog="Example: metier experts check .")
@click.argument("path", type=click.Path(path_type=Path), default=".")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="Timeout for all checks of an expert.",
)
def check(path: Path, *, as_json: bool, timeout: float) -> None:
    """Check the experts of a project or domain folder, which need not be installed.

    Checks card, examples and code, as metier.testing.ExpertConformance does. No server is needed,
    no model is asked, and the code runs in its own process. Exits with 1 if a check fails.
    """
    with errors_for_people(as_json=as_json):
        from metier.experts.registry import Registry
        from metier.settings import Settings
        from metier.testing.checking import checked

        ids = Registry.from_installed(Settings()).add_at(path)
        found = {name: list(checked(path, name, timeout_s=timeout)) for name in ids}
        if as_json:
            _print_json(found)
        else:
            for name, findings in found.items():
                _print(name, findings)
        every = [finding for findings in found.values() for finding in findings]
        sys.exit(FAILED if any(finding.verdict == "fail" for finding in every) else 0)


def _print_json(found: dict[str, list[Finding]]) -> None:
    from metier.cli.text import as_json

    body = {name: [finding.model_dump() for finding in each] for name, each in found.items()}
    click.echo(as_json({"experts": body}))


def _print(name: str, findings: list[Finding]) -> None:
    click.echo(f"{name}:")
    for finding in findings:
        mark = "FAIL" if finding.verdict == "fail" else finding.verdict
        message = f": {finding.message}" if finding.message else ""
        mend = f"  →  {finding.hint}" if finding.hint else ""
        styled(f"  {mark:4}", fg=_COLOURS[finding.verdict], nl=False)
        click.echo(f" {finding.check}{message}{mend}")
    counts = [sum(finding.verdict == verdict for finding in findings) for verdict in _COLOURS]
    click.echo("{} ok, {} to note, {} failed".format(*counts))
