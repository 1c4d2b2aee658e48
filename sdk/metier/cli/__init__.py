"""The command line. Heavy imports live inside the functions that need them."""

from __future__ import annotations

import gc
import os


def main() -> None:
    """Run `metier`."""
    # Half a second of imports makes no garbage; collecting it anyway costs a tenth of the start.
    # `run_async` turns the collector on again.
    gc.disable()
    # A question is a few small products: threads gain nothing, take 50 ms to start, and would
    # take the cores from the models.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from metier.cli.main import cli

    cli.main(prog_name="metier")


__all__ = ["main"]
