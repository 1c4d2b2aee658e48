"""`metier mcp`."""

from __future__ import annotations

from functools import partial

import click

from metier.cli.session import errors_for_people, load_settings, open_council, run_async
from metier.cli.terminal import bare_stdout

_EPILOG = """\b
Examples:
  metier mcp                      over stdin and stdout, as clients start it
  metier mcp --http --port 8765   at http://127.0.0.1:8765/mcp
"""


@click.command(epilog=_EPILOG)
@click.option("--http", is_flag=True, help="Serve over streamable HTTP, on this machine only.")
@click.option("--port", type=click.IntRange(1, 65535), default=8765, show_default=True)
@click.option(
    "-e",
    "--expert",
    "experts",
    multiple=True,
    help="Offer only these experts. Repeatable.",
)
def mcp(*, http: bool, port: int, experts: tuple[str, ...]) -> None:
    """Serve the experts to programs that speak the Model Context Protocol.

    They get `ask`, which plans, and a tool for each expert.
    """
    with errors_for_people():
        from metier.errors import InvalidSettings

        try:
            from metier.bridges.mcp import serve_http, serve_stdio
        except ImportError as exc:
            raise InvalidSettings(
                "metier mcp needs the package mcp, which is not installed",
                hint="Install it with: pip install 'metier[mcp]'",
            ) from exc
        council = open_council(load_settings())
        offered = list(experts) or None
        if http:
            click.echo(f"serving at http://127.0.0.1:{port}/mcp", err=True)
            serve = partial(serve_http, council, port=port, experts=offered)
            run_async(serve, closing=council)
            return
        with bare_stdout():
            run_async(partial(serve_stdio, council, experts=offered), closing=council)
