"""The report of `metier evaluate answers`, as tables and text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from metier.cli.tables import Sheet
from metier.cli.text import clipped, interval, points

if TYPE_CHECKING:
    from metier.evaluating.answers import AnswersReport, Compared, Pair, Reply, Side

_COUNCIL = "council"


def answers_report(report: AnswersReport, *, verbose: bool) -> list[Sheet | str]:
    """Show both sides in each domain, the council's gain, and what went wrong."""
    compared = _compared(report)
    parts: list[Sheet | str] = [_heading(report)]
    if compared:
        parts += [_sides(compared, report.model), _gains(compared)]
    parts += _errors(report)
    if verbose:
        parts += _wrong(report)
    return parts


def _compared(report: AnswersReport) -> list[Compared]:
    overall = [report.overall] if report.overall and len(report.domains) > 1 else []
    return [*report.domains, *overall]


def _heading(report: AnswersReport) -> str:
    of = f" of {report.planned}" if report.asked < report.planned else ""
    return f"{report.asked}{of} questions, {report.model} alone and the council"


def _sides(compared: list[Compared], model: str) -> Sheet:
    rows = [
        (
            each.domain if who == model else "",
            who,
            f"{side.right} of {each.n}",
            interval(side.accuracy),
            f"{side.unread}",
            f"{side.errors}",
            f"{side.calls:.1f}",
            f"{side.tokens:.0f}",
            f"{side.seconds:.1f}",
        )
        for each in compared
        for who, side in _both(each, model)
    ]
    return Sheet(
        header=(
            "domain",
            "answered by",
            "right",
            "accuracy, 95 %",
            "unread",
            "errors",
            "calls",
            "tokens",
            "seconds",
        ),
        rows=rows,
        numbers_from=2,
    )


def _both(compared: Compared, model: str) -> tuple[tuple[str, Side], ...]:
    return ((model, compared.single), (_COUNCIL, compared.council))


def _gains(compared: list[Compared]) -> Sheet:
    rows = [
        (each.domain, points(each.gain), f"{each.gained}", f"{each.lost}", _chance(each.p))
        for each in compared
    ]
    return Sheet(
        header=("domain", "gain in points, 95 %", "only council", "only alone", "p (McNemar)"),
        rows=rows,
        numbers_from=1,
    )


def _chance(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def _errors(report: AnswersReport) -> Iterator[str]:
    """Each question that failed, or whose answer could not be judged."""
    lines = [
        f"  {pair.domain}, {who}: {clipped(pair.question, 60)}\n    {clipped(trouble)}"
        for pair, who, reply in _replies(report)
        if (trouble := _trouble(reply))
    ]
    if lines:
        yield "\n".join([f"{len(lines)} went wrong", *lines])


def _trouble(reply: Reply) -> str:
    return reply.error or (reply.verdict.why if reply.verdict.outcome == "unjudged" else "")


def _wrong(report: AnswersReport) -> Iterator[str]:
    for pair, who, reply in _replies(report):
        if not reply.verdict.is_right and not _trouble(reply):
            yield (
                f"{pair.domain}, {who}: {clipped(pair.question, 72)}\n"
                f"  {clipped(reply.verdict.why)}\n  {clipped(reply.text)}"
            )


def _replies(report: AnswersReport) -> Iterator[tuple[Pair, str, Reply]]:
    for pair in report.pairs:
        yield pair, pair.model, pair.single
        yield pair, _COUNCIL, pair.council
