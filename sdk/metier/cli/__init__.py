"""The command line. Heavy imports live inside the functions that need them."""

from __future__ import annotations


def main() -> None:
    """Run `metier`."""
    from metier.cli.main import cli

    cli.main(prog_name="metier")


__all__ = ["main"]
