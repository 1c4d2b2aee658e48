"""The report of an evaluation of one expert, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from metier.cli.reports import interval
from metier.cli.text import clipped, table

if TYPE_CHECKING:
    from metier.evaluating.newcomer import Moved, NewcomerReport

_SHOWN = 5


def newcomer_report(report: NewcomerReport, *, verbose: bool) -> str:
    """Show recall, precision, the effect on the others, and every question that moved."""
    heading = f"{report.expert} next to the installed experts: {report.n} questions"
    rows = [
        ("its own questions that reach it", str(report.recall.n), interval(report.recall)),
        ("questions it gets that are its own", str(report.precision.n), interval(report.precision)),
        ("others' questions routed correctly", str(report.others.n), interval(report.others)),
        ("… without it", str(report.others_before.n), interval(report.others_before)),
    ]
    figures = table(rows, header=("", "of", "share, 95 %"), numbers_from=1)
    shown = None if verbose else _SHOWN
    return "\n\n".join(
        [
            f"{heading}, embedder {report.embedder}",
            figures,
            *_moved(report.stolen, "takes {count} from {owner} that went right without it", shown),
            *_moved(report.wrong_anyway, "takes {count} from {owner} that are wrong anyway", shown),
            *_moved(report.lost, "loses {count} to {taker}", shown),
        ]
    )


def _moved(moved: Sequence[Moved], heading: str, shown: int | None) -> Iterator[str]:
    """One paragraph for each pair of experts, the most frequent first."""
    from metier.evaluating.newcomer import nobody

    pairs = Counter((each.owner, each.taker) for each in moved)
    for (owner, taker), count in pairs.most_common():
        questions = [each.question for each in moved if (each.owner, each.taker) == (owner, taker)]
        lines = [heading.format(count=count, owner=nobody(owner), taker=nobody(taker))]
        lines += [f"  {clipped(question)}" for question in questions[:shown]]
        if len(questions) > len(questions[:shown]):
            lines.append("  …")
        yield "\n".join(lines)
