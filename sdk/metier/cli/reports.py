"""Reports of evaluations, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metier.cli.text import clipped, interval, points, table

if TYPE_CHECKING:
    from metier.evaluating.outcomes import OutcomesReport, TwoModels
    from metier.evaluating.placing import Placing
    from metier.evaluating.plans import PlansReport
    from metier.evaluating.routing import Misplaced, RoutingReport
    from metier.evaluating.splitting import Mistakes, SplittingReport
    from metier.planning.learning.calibration import Calibration

_NONE = "·"
_CROSSFITTED = "each tested with what was learnt from the others"


def routing_report(report: RoutingReport, *, verbose: bool) -> str:
    """Show accuracy, confusion, misrouted questions and thresholds."""
    parts = [
        f"{report.n} questions, embedder {report.embedder}",
        _summary(report),
        _matrix(report.now),
        *_stolen(report.now),
        _curve(report),
    ]
    if verbose:
        parts += [_misplaced(wrong) for wrong in report.misplaced]
    return "\n\n".join(parts)


def routing_applied(report: RoutingReport, after: Calibration, file: Path) -> str:
    """Describe what changed."""
    lines = [f"threshold: {report.threshold:.2f} → {after.threshold:.2f}"]
    for name in sorted({*report.thresholds, *after.thresholds}):
        before = report.thresholds.get(name, report.threshold)
        now = after.thresholds.get(name, after.threshold)
        lines.append(f"threshold of {name}: {before:.2f} → {now:.2f}")
    lines.append(f"saved {file}; without it, metier learns from the cards' own examples")
    return "\n".join(lines)


def _summary(report: RoutingReport) -> str:
    placings = [("now", report.now)]
    if report.learnt is not None:
        placings.append(("learnt*", report.learnt))
    rows = [
        (
            name,
            f"{round(placing.accuracy.value * report.n)}",
            interval(placing.accuracy),
            f"{placing.nobody.spared} of {placing.nobody.asked}",
            f"{placing.nobody.missed}",
            f"{placing.ece:.3f}",
        )
        for name, placing in placings
    ]
    header = ("", "right", "accuracy, 95 %", "left to general", "missed", "ECE")
    text = table(rows, header=header, numbers_from=1)
    if report.learnt is None:
        return text
    return f"{text}\n* from these questions, {_CROSSFITTED}"


def _matrix(placing: Placing) -> str:
    names = [figures.expert for figures in placing.experts]
    rows = [
        (
            figures.expert,
            *(str(placing.confusion[figures.expert].get(name, _NONE)) for name in names),
            _percent(figures.recall),
        )
        for figures in placing.experts
        if figures.asked
    ]
    precisions = (_percent(figures.precision) for figures in placing.experts)
    rows.append(("precision", *precisions, ""))
    return table(rows, header=("asked of ↓ taken by →", *names, "recall"), numbers_from=1)


def _stolen(placing: Placing) -> Iterator[str]:
    for stolen in placing.stolen:
        heading = f"{stolen.thief} takes {stolen.count} from {stolen.owner}"
        yield _with_examples(heading, stolen.examples)


def _curve(report: RoutingReport) -> str:
    shown = {round(n / 10, 2) for n in range(1, 10)} | {round(report.threshold, 2)}
    rows = [
        (
            f"{point.threshold:.2f}",
            _percent(point.taken),
            _percent(point.accuracy),
            "← now" if point.threshold == round(report.threshold, 2) else "",
        )
        for point in report.curve
        if point.threshold in shown
    ]
    return table(rows, header=("threshold", "taken", "right", ""), numbers_from=0)


def _misplaced(wrong: Misplaced) -> str:
    lines = [f"{wrong.expert} → {wrong.chosen}: {clipped(wrong.question, 72)}"]
    for candidate in wrong.candidates[:3]:
        words = f", words {' '.join(candidate.words)}" if candidate.words else ""
        like = f": like {clipped(candidate.example, 48)!r}" if candidate.example else ""
        chances = f"{candidate.probability:.2f} right, {candidate.fit:.2f} fits"
        lines.append(f"  {candidate.expert} {chances}, {candidate.capability}{like}{words}")
    return "\n".join(lines)


def outcomes_report(report: OutcomesReport) -> str:
    """Show each model alone, and the gain from choosing."""
    models = table(
        [
            (
                figures.model,
                f"{figures.known}",
                _percent(figures.accuracy, digits=1),
                _percent(figures.given),
            )
            for figures in report.models
        ],
        header=("model", "known", "right", "given"),
        numbers_from=1,
    )
    best = next(figures for figures in report.models if figures.model == report.single)
    gain = report.gain
    summary = table(
        [
            (f"always {report.single}", _percent(best.accuracy, digits=1)),
            ("chosen for each question*", interval(report.routed)),
            ("gain in points", points(gain)),
            *_voted(report),
            ("always the best for each question", _percent(report.oracle, digits=1)),
        ],
        header=("", "right, 95 %"),
        numbers_from=None,
    )
    note = f"* {_CROSSFITTED}"
    if gain.low <= 0 < gain.value:
        note += "; the gain may be chance"
    heading = f"{report.n} questions, {report.judged} with an outcome of every model"
    parts = [f"{heading}, embedder {report.embedder}", models, f"{summary}\n{note}"]
    return "\n\n".join([*parts, *([_pair(report.pair)] if report.pair else [])])


def _voted(report: OutcomesReport) -> list[tuple[str, str]]:
    if report.voted is None or report.voted_gain is None:
        return []
    return [
        ("all asked, answers weighted*", interval(report.voted)),
        ("gain in points", points(report.voted_gain)),
    ]


def outcomes_applied(report: OutcomesReport, file: Path) -> str:
    """Describe what changes."""
    weighed = "" if report.voted is None else "; --strategy weighted uses these votes"
    return (
        f"each step runs on the installed model of {', '.join(m.model for m in report.models)} "
        f"that is most likely right{weighed}\nsaved {file}; without it, the cards choose the models"
    )


def splitting_report(report: SplittingReport) -> str:
    """Show how well the grammar, and what was learnt, tell one step from several."""
    told = [("grammar", report.grammar)]
    if report.learnt is not None:
        told.append(("learnt*", report.learnt))
    rows = [
        (
            name,
            f"{round(each.accuracy.value * report.n)}",
            interval(each.accuracy),
            f"{each.false_splits.count}",
            f"{each.missed.count}",
        )
        for name, each in told
    ]
    header = ("", "right", "accuracy, 95 %", "false splits", "missed")
    text = table(rows, header=header, numbers_from=1)
    if report.learnt is not None:
        text += f"\n* from these questions, {_CROSSFITTED}"
    parts = [
        f"{report.n} questions, {report.several} for several things, embedder {report.embedder}",
        text,
    ]
    for name, each in told:
        parts += _mistakes(f"{name.strip('*')} splits", each.false_splits, "for one thing")
        parts += _mistakes(f"{name.strip('*')} misses", each.missed, "for several")
    return "\n\n".join(parts)


def splitting_applied(file: Path) -> str:
    """Describe what changes."""
    return (
        f"what was learnt tells one step from several\nsaved {file}; without it, the grammar does"
    )


def plans_report(report: PlansReport) -> str:
    """Show how closely plans made from the request alone match the past ones."""
    made = [("rules", report.rules)]
    if report.learnt is not None and report.chains is not None:
        made += [("rules and past plans*", report.learnt), ("past plans alone*", report.chains)]
    rows = [
        (name, *map(interval, (figures.nodes, figures.links, figures.accuracy)))
        for name, figures in made
    ]
    header = ("", "node F1, 95 %", "link F1, 95 %", "all nodes, 95 %")
    text = table(rows, header=header, numbers_from=1)
    if report.learnt is not None:
        text += f"\n* {_CROSSFITTED}"
    heading = f"{report.n} past plans, {report.several} of several capabilities"
    return f"{heading}, embedder {report.embedder}\n\n{text}"


def plans_applied(report: PlansReport, file: Path) -> str:
    """Describe what changes."""
    return (
        f"a request that resembles one of {report.n} past ones is planned like it\n"
        f"saved {file}; without it, the rules plan alone"
    )


def _mistakes(what: str, mistakes: Mistakes, of: str) -> Iterator[str]:
    if mistakes.count:
        yield _with_examples(f"{what} {mistakes.count} {of}", mistakes.examples)


def _with_examples(heading: str, examples: Sequence[str]) -> str:
    return "\n".join([heading, *(f"  {clipped(example)}" for example in examples)])


def _pair(pair: TwoModels) -> str:
    rows = [(_percent(needed.lead), _percent(needed.calls)) for needed in pair.needed]
    header = (f"of {pair.better}'s lead", f"questions for {pair.better}")
    return f"{table(rows, header=header, numbers_from=0)}\nAPGR {pair.apgr:.2f}; 0.50 by chance"


def _percent(share: float | None, *, digits: int = 0) -> str:
    return _NONE if share is None else f"{100 * share:.{digits}f} %"
