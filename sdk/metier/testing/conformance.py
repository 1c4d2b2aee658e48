"""What every expert has to do, as tests: subclass `ExpertConformance` and give the expert."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path

from metier.answer import Answer
from metier.engine.engine import Limits
from metier.errors import (
    BudgetExceeded,
    DeadlineExceeded,
    ExpertFailed,
    MetierError,
    ModelServerUnreachable,
)
from metier.events import CallDone, Event, StepDone, StepFailed, Token
from metier.experts.card import Card, read_card
from metier.experts.expert import Expert
from metier.experts.registry import builtin_domains
from metier.models.embedder import Embedder
from metier.testing.cards import QUESTIONS, card_problems, question_problems
from metier.testing.embedder import FixedEmbedder
from metier.testing.filling import willing
from metier.testing.importing import import_report
from metier.testing.kernel import kernel_problems, tool_problems
from metier.testing.models import ScriptedModels, WholeScript
from metier.testing.trial import Trial, small_council, stalls

_ODD_TASKS = ("?", "9" * 400, "\N{ROCKET}", "a\x00b", "{}", "word " * 300)
_NONSENSE = ("", "}{", '{"tool": 3}', "null")
_SHOWN = 5


class Nonconforming(AssertionError):
    """An expert does not do what every expert has to do.

    Attributes:
        message: what it does instead.
        hint: what to do about it.
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(f"{message}. {hint}")
        self.message = message
        self.hint = hint


class ExpertConformance:
    """The checks as methods that pytest collects; `metier experts check` runs the same.

    No server, no network, nothing random. Override a check that cannot hold for your expert, and
    say why:

        class TestCooking(ExpertConformance):
            def expert(self) -> Expert:
                return Cooking()

    Attributes:
        may_mislead: the share of its counterexamples that may pick it all the same. No embedder
            tells them all: of the experts that come with metier up to a seventh do.
    """

    may_mislead = 0.2

    def expert(self) -> Expert:
        """A new expert, for each check."""
        raise NotImplementedError("def expert(self) -> Expert: return the expert to check")

    def neighbours(self) -> Sequence[Card]:
        """The experts beside it; those that come with metier where not overridden."""
        return [read_card(file) for file in sorted(builtin_domains().glob("*/domain.toml"))]

    def embedder(self) -> Embedder:
        """Who makes vectors; one that knows words and no meanings where not overridden."""
        return FixedEmbedder()

    def task(self) -> str:
        """What it is asked; the first example of its card where not overridden."""
        card = self.expert().card
        examples = [text for capability in card.capabilities for text in capability.examples]
        return examples[0] if examples else card.description

    def questions(self) -> Path | None:
        """Its evaluation questions; those beside its class where not overridden."""
        file = _file_of(self.expert())
        return None if file is None else file.with_name(QUESTIONS)

    def test_its_examples_do_not_contradict(self) -> None:
        """Each capability has examples, and none stands twice."""
        _expect_none(card_problems(self.expert().card), hint="Mend the examples in domain.toml")

    def test_its_questions_are_no_examples(self) -> None:
        """What it is judged by is not what it has learnt."""
        if (file := self.questions()) is not None:
            _expect_none(question_problems(self.expert().card, file), hint=f"Mend {file}")

    def test_its_examples_pick_it(self) -> None:
        """Each example of its card is planned for it, or a part of it is, beside its neighbours."""
        card = self.expert().card
        texts = [text for capability in card.capabilities for text in capability.examples]
        wrong = [
            f"{text!r} picks {who[0]}" for text, who in self._picked(texts) if card.id not in who
        ]
        _expect_none(wrong, hint="Add examples like it, or counterexamples to who takes it")

    def test_its_counterexamples_do_not_pick_it(self) -> None:
        """Few of its card's counterexamples are planned for it: no more than `may_mislead`."""
        card = self.expert().card
        texts = [text for capability in card.capabilities for text in capability.counterexamples]
        wrong = [f"{text!r} picks it" for text, who in self._picked(texts) if who[0] == card.id]
        if len(wrong) > self.may_mislead * len(texts):
            hint = "An example is nearer to it: make the examples more particular"
            _expect_none(wrong, hint=hint)

    def test_its_tools_are_described(self) -> None:
        """Whoever calls its tools knows what they do, and what to give them."""
        hint = "A docstring describes a tool, an annotation each of its parameters"
        _expect_none(tool_problems(self.expert()), hint=hint)

    def test_semantic_kernel_takes_it(self) -> None:
        """Its tools are the same as functions of a kernel, where Semantic Kernel is installed."""
        hint = "Give them types and names that Semantic Kernel can show"
        _expect_none(kernel_problems(self.expert()), hint=hint)

    def test_importing_it_does_nothing_else(self) -> None:
        """Its module defines things; it starts, opens, writes and prints nothing."""
        expert = self.expert()
        if (file := _file_of(expert)) is None:
            return
        report = import_report(type(expert).__module__, str(file))
        problems = [report.error] if report.error else report.works
        _expect_none(problems, hint="Do it in a method, when it is needed")

    def test_it_answers(self) -> None:
        """It gives a text, and what it streamed is that text."""
        events = self._trial(willing).events()
        failed = [event.reason for event in events if isinstance(event, StepFailed)]
        _expect_none(failed, hint="Look at what its answer does with the words of a model")
        given = [event.text.strip() for event in events if isinstance(event, StepDone)]
        said = "".join(map(_answered, events)).strip()
        disclaimer = self.expert().card.disclaimer
        if [said.removesuffix(disclaimer).strip()] != given:
            raise Nonconforming(
                f"it streamed {said!r}, and its answer is {' '.join(given)!r}",
                hint="Yield each piece once",
            )

    def test_it_streams(self) -> None:
        """Where its card says `direct`, words go out before the model has said its last one."""
        trial = self._trial(willing)
        events = trial.events()
        asked = [request.sampling.schema for request in trial.models.requests]
        if self.expert().card.stream != "direct" or not asked or asked[-1] is not None:
            return  # there are no words of a model to pass on
        first = next((n for n, event in enumerate(events) if _answered(event)), len(events))
        ended = max(n for n, event in enumerate(events) if isinstance(event, CallDone))
        if first > ended:
            raise Nonconforming(
                "its card says stream = 'direct', and its first word came after the model's last",
                hint="Yield the pieces of context.stream(…), or write stream = 'checked'",
            )

    def test_sync_and_async_are_equal(self) -> None:
        """Two new experts give the same, whichever way the council is called."""
        first = _seen(self._trial(willing).outcome())
        second = _seen(self._trial(willing).outcome_async())
        if first != second:
            raise Nonconforming(
                f"run_sync gave {first!r}, and run gave {second!r}",
                hint="Keep no state between answers, and take chance from the sampling's seed",
            )

    def test_it_can_be_cancelled(self) -> None:
        """Leaving its stream ends its answer and closes the model's."""
        if not self._trial(stalls).closes_when_cancelled():
            raise Nonconforming(
                "its answer was cancelled, and the model's stream stayed open",
                hint="Let the cancellation through: no `except BaseException`, no bare `except`",
            )

    def test_it_keeps_the_deadline(self) -> None:
        """Where the model never ends, the answer ends with the deadline."""
        outcome = self._trial(stalls).outcome(limits=Limits(timeout_s=0.5))
        _allow(outcome, DeadlineExceeded, when="the deadline passed")

    def test_it_keeps_the_budget(self) -> None:
        """Where no model call is left, it answers without one, or lets the error through."""
        for calls in (0, 1):
            outcome = self._trial(willing).outcome(limits=Limits(max_calls=calls))
            _allow(outcome, BudgetExceeded, when=f"{calls} model calls were allowed")

    def test_errors_of_the_server_get_through(self) -> None:
        """Where nothing answers, it answers without a model, or lets the error through."""
        outcome = self._trial(lambda _: ModelServerUnreachable("http://nowhere")).outcome()
        _allow(outcome, ModelServerUnreachable, when="the server could not be reached")

    def test_odd_tasks_are_no_crash(self) -> None:
        """Bad input is input: it answers, or raises an error of metier."""
        for task in _ODD_TASKS:
            outcome = Trial(self.expert(), task, willing).outcome()
            _allow(outcome, MetierError, when=f"the task was {task[:40]!r}")

    def test_nonsense_of_the_model_is_no_crash(self) -> None:
        """A model may write anything: it answers, or raises an error of metier."""
        for nonsense in _NONSENSE:
            outcome = self._trial(lambda _, text=nonsense: text).outcome()
            _allow(outcome, MetierError, when=f"the model wrote {nonsense!r}")

    def _trial(self, script: WholeScript) -> Trial:
        return Trial(self.expert(), self.task(), script)

    def _picked(self, texts: Sequence[str]) -> list[tuple[str, list[str]]]:
        """Each text with the experts that are chosen for it, step by step."""
        expert = self.expert()
        beside = [Expert(card) for card in self.neighbours() if card.id != expert.id]
        with small_council(
            [*beside, expert], ScriptedModels(), embedder=self.embedder()
        ) as council:
            return [
                (text, [step.expert for step in council.plan_sync(text).steps]) for text in texts
            ]


def _expect_none(problems: Iterable[str], *, hint: str) -> None:
    found = list(problems)
    if found:
        more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        raise Nonconforming("; ".join([*found[:_SHOWN], *more]), hint=hint)


def _allow(outcome: Answer | MetierError, kind: type[MetierError], *, when: str) -> None:
    """Accept an answer, an error of a kind, and an answer that stayed empty."""
    if isinstance(outcome, Answer):
        return
    failed = isinstance(outcome, ExpertFailed)
    crashed = failed and outcome.__cause__ is not None
    if crashed or not isinstance(outcome, ExpertFailed | kind):
        raise Nonconforming(
            f"{outcome.message}, where {when}",
            hint=f"Let {kind.__name__} through, or raise a MetierError with a hint",
        )


def _answered(event: Event) -> str:
    """What an event adds to the answer."""
    return event.text if isinstance(event, Token) and event.answer else ""


def _seen(outcome: Answer | MetierError) -> tuple[object, ...]:
    if isinstance(outcome, MetierError):
        return (outcome.code, outcome.message)
    return tuple((part.text, part.checked, part.sources) for part in outcome.parts)


def _file_of(expert: Expert) -> Path | None:
    """The file of its class; None if it has no code of its own."""
    kind = type(expert)
    return None if kind is Expert else Path(inspect.getfile(kind))
