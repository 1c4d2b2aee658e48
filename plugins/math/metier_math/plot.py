"""Draw a function, in characters or as SVG.

    python -m metier_math.plot "sin(x)/x" --from -20 --to 20 -f svg > sinc.svg

SVG needs matplotlib: pip install 'metier-math[plot]'.
"""

from __future__ import annotations

import io

import click

from metier.errors import InvalidInput, MetierError
from metier_math.curves import BOUNDS, Curve, curve
from metier_math.drawing import drawn

_LOW, _HIGH = BOUNDS.split(", ")


def as_svg(shown: Curve) -> str:
    """The curve as an SVG document, the same one each time.

    Raises:
        InvalidInput: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as exc:
        hint = "Install it: pip install 'metier-math[plot]'"
        raise InvalidInput("SVG needs matplotlib, which is not installed", hint=hint) from exc
    written = io.StringIO()
    with rc_context({"svg.hashsalt": "metier"}):
        figure = Figure(layout="constrained")
        axes = figure.add_subplot()
        for piece in shown.pieces:
            axes.plot(*zip(*piece, strict=True), color="C0", gid="curve")
        margin = (shown.top - shown.bottom) / 20
        axes.set(xlim=(shown.low, shown.high), ylim=(shown.bottom - margin, shown.top + margin))
        axes.set_title(shown.title, parse_math=False)
        axes.grid(visible=True, alpha=0.3)
        figure.savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()


@click.command(epilog='Example: python -m metier_math.plot "x^2 - 4" --from -3 --to 3')
@click.argument("function")
@click.option("--from", "low", default=_LOW, show_default=True, help="Left end.")
@click.option("--to", "high", default=_HIGH, show_default=True, help="Right end.")
@click.option(
    "-f",
    "--format",
    "kind",
    type=click.Choice(["text", "svg"]),
    default="text",
    show_default=True,
    help="Characters for the terminal, or an SVG document.",
)
def main(function: str, low: str, high: str, kind: str) -> None:
    """Draw FUNCTION, which has one variable, such as x^2 or sin(x)/x."""
    try:
        found = curve(function, bounds=f"{low}, {high}")
        click.echo(as_svg(found) if kind == "svg" else f"{found.title}\n\n{drawn(found)}")
    except MetierError as exc:
        raise click.ClickException(str(exc)) from exc


if __name__ == "__main__":
    main()
