"""The command line. Heavy imports live inside the functions that need them."""

from __future__ import annotations

import os


def main() -> None:
    """Run `metier`."""
    # A question needs only a few small products: threads gain nothing and would take cores from the
    # models. numpy reads this once, on import.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from metier.cli.main import cli
    from metier.cli.terminal import guard

    guard()
    cli.main(prog_name="metier")


__all__ = ["main"]
