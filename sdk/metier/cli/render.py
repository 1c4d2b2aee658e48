"""Show events: the answer on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal, Self, assert_never

import click

from metier.cli.terminal import rewrite_line, styled
from metier.cli.text import as_json, clipped, cost_of, plan_tree
from metier.events import (
    Answered,
    CallDone,
    CallStarted,
    Event,
    Notice,
    PlanReady,
    StepDone,
    StepFailed,
    StepStarted,
    Token,
    Voted,
)
from metier.telemetry.words import confidence_in_words, outcome_in_words, vote_in_words

if TYPE_CHECKING:
    from metier.answer import Answer, Vote

Form = Literal["text", "json", "jsonl"]
_OUTCOMES = {True: "checked", False: "not checked", None: "done"}


class Screen:
    """Shows the events of one run.

    Args:
        stream: print the answer as it is written.
        form: `json` prints one object at the end, `jsonl` each event.
        indent: the indentation of that object; None puts it on one line.
    """

    def __init__(
        self,
        *,
        verbose: bool,
        show_plan: bool,
        stream: bool,
        form: Form,
        indent: int | None = 2,
    ) -> None:
        self._verbose = verbose
        self._show_plan = show_plan
        self._stream = stream and form == "text"
        self._form = form
        self._indent = indent
        self._status = Status(enabled=form == "text" and not verbose)
        self._begun = False
        self.answer: Answer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def planning(self) -> None:
        """Say that the plan is being made; the first time this builds the index."""
        self._status.say("planning …")

    def stopped(self) -> None:
        """Say that the answer was stopped before its end."""
        if self._begun:
            click.echo()
        self._note("stopped", "yellow")

    def show(self, event: Event) -> None:  # noqa: C901  # one case per event
        """Show one event."""
        if self._form == "jsonl":
            click.echo(as_json(event.model_dump(mode="json"), indent=None))
        match event:
            case Token():
                self._words(event)
            case Answered():
                self._end(event.answer)
            case PlanReady():
                if self._show_plan or self._verbose:
                    self._note(plan_tree(event.plan))
            case StepStarted():
                self._status.say(f"{event.expert} is working …")
                self._trace(f"[{event.step_id}] {event.expert}: {clipped(event.task)}")
            case CallStarted():
                if event.purpose == "compose":
                    self._status.say("composing …")
                self._trace(f"    {event.purpose}: asking {event.model}")
            case CallDone():
                self._trace(f"    {_told(event)}")
            case Voted():
                self._trace(f"    {_vote(event.vote)}")
            case StepDone():
                self._trace(_checked(event))
            case StepFailed():
                self._note(f"step {event.step_id} ({event.expert}) failed: {event.reason}", "red")
            case Notice():
                if not event.answer:
                    self._note(event.text, "yellow")
            case _:
                assert_never(event)

    def _words(self, event: Token) -> None:
        if not (event.answer and self._stream):
            return
        self._status.stop()
        text = event.text if self._begun else event.text.lstrip("\n")
        self._begun = self._begun or bool(text)
        click.echo(text, nl=False)
        sys.stdout.flush()

    def _end(self, answer: Answer) -> None:
        self.answer = answer
        self._status.stop()
        if self._form == "json":
            click.echo(as_json(answer.model_dump(mode="json"), indent=self._indent))
        elif self._form == "text":
            click.echo("" if self._begun else answer.text.strip("\n"))
            self._name_option(answer)
            if answer.footer:
                click.echo(f"\n{answer.footer}")
        for source in answer.sources:
            self._trace(f"source: {source.name} {source.place}".rstrip())
        usage = answer.usage
        self._trace(
            f"{cost_of(usage.calls, read=usage.prompt_tokens, written=usage.completion_tokens)}, "
            f"{usage.total_s:.1f} s in models ({usage.load_s:.1f} s loading)"
        )

    def _name_option(self, answer: Answer) -> None:
        """On a terminal, say what the letter of a closed question's answer stands for."""
        if not sys.stdout.isatty():
            return
        from metier.cli.closed import option_left_out

        if option := option_left_out(answer.question, answer.text):
            click.echo(f"→ {option}")

    def _trace(self, text: str) -> None:
        if self._verbose:
            self._note(text, "bright_black")

    def _note(self, text: str, color: str | None = None) -> None:
        self._status.stop()
        if self._begun and sys.stdout.isatty():
            click.echo(err=True)
        styled(text, fg=color, err=True)


class Status:
    """A temporary line on stderr that says what is going on; only on a terminal."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled and sys.stderr.isatty()
        self._shown = False

    def say(self, text: str) -> None:
        """Replace the text."""
        if self._enabled:
            rewrite_line(text)
            self._shown = True

    def stop(self) -> None:
        """Remove the line."""
        if self._shown:
            rewrite_line()
            self._shown = False


def _told(event: CallDone) -> str:
    usage = event.usage
    if event.error:
        return f"{event.model}: {event.error}"
    rate = usage.completion_tokens / usage.decode_s if usage.decode_s else None
    speed = "" if rate is None else f" ({rate:.0f} tokens/s)"
    return (
        f"{event.model}: {usage.prompt_tokens} + {usage.completion_tokens} tokens in "
        f"{usage.total_s:.1f} s{speed}"
    )


def _vote(vote: Vote) -> str:
    said = vote_in_words(vote, lambda answer: repr(answer or "no answer"))
    return f"{said}{confidence_in_words(vote.confidence)}"


def _checked(event: StepDone) -> str:
    outcome = outcome_in_words(event, _OUTCOMES, strategy=event.strategy)
    spans = f", {event.strategy}: {_shares(event)}" if event.spans else ""
    return f"[{event.step_id}] {event.expert}: {outcome}{spans}"


def _shares(event: StepDone) -> str:
    """How much of a text each model wrote."""
    whole = sum(len(span.text) for span in event.spans) or 1
    written: dict[str, int] = {}
    for span in event.spans:
        written[span.model] = written.get(span.model, 0) + len(span.text)
    return ", ".join(f"{model} wrote {count / whole:.0%}" for model, count in written.items())
