"""What a text answers, whether two answers are the same, and whether one is right."""

from __future__ import annotations

from typing import Literal, assert_never

from pydantic import BaseModel, ConfigDict

from metier.grading.kinds import (
    AnswerKind,
    Code,
    CodeGold,
    Contains,
    ContainsGold,
    Gold,
    Label,
    LabelGold,
    Number,
    NumberGold,
    Text,
    TextGold,
)
from metier.grading.labels import label_in
from metier.grading.numbers import number_in
from metier.grading.programs import normal_program, program_in
from metier.grading.quantities import Quantity, agree
from metier.grading.texts import missing_from, normal, text_in
from metier.sandbox import Sandbox, Sandboxes, checked

Outcome = Literal["right", "wrong", "no_answer", "unjudged"]


class Verdict(BaseModel):
    """Whether a text answers rightly.

    Attributes:
        outcome: `no_answer` where nothing could be read out of the text; `unjudged` where its
            code could be run in no sandbox. Neither is right.
        extracted: the answer that was read.
        why: the reason, in a few words.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    outcome: Outcome
    extracted: str | None = None
    why: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the answer was read and is right."""
        return self.outcome == "right"


def extracted(text: str, kind: AnswerKind | Gold) -> str | None:
    """The answer that a text gives, in one way to write it; None if it gives none.

    Extracting from what was extracted gives the same again.
    """
    match kind:
        case Number():
            found = number_in(text, kind)
            return None if found is None else str(found)
        case Label():
            return label_in(text, kind)
        case Code():
            return program_in(text, kind)
        case Text():
            return text_in(text)
        case Contains():
            return text.strip() or None
        case _:
            assert_never(kind)


def same(a: str, b: str, kind: AnswerKind | Gold) -> bool:
    """Whether two texts give the same answer; False if either gives none.

    Programs are compared as they are written, less comments and layout. Numbers may differ by
    the kind's tolerance.
    """
    match kind:
        case Number():
            one, other = number_in(a, kind), number_in(b, kind)
            return one is not None and other is not None and _agree(one, other, kind)
        case Code():
            programs = [program_in(text, kind) for text in (a, b)]
            first, second = (p and normal_program(p) for p in programs)
            return first is not None and first == second
        case Label() | Text() | Contains():
            texts = [extracted(text, kind) for text in (a, b)]
            first, second = (None if text is None else normal(text) for text in texts)
            return first is not None and first == second
        case _:
            assert_never(kind)


async def is_right(text: str, gold: Gold, *, sandboxes: Sandbox | None = None) -> Verdict:
    """Whether a text answers rightly.

    Args:
        sandboxes: where code is run, and nowhere else; those of this machine if not given.
    """
    answer = extracted(text, gold)
    if answer is None:
        return Verdict(outcome="no_answer", why=f"no {_WANTED[gold.kind]} could be read")
    if isinstance(gold, CodeGold):
        return await _runs(answer, gold, sandboxes or Sandboxes())
    return _compared(text, answer, gold)


def _compared(
    text: str, answer: str, gold: NumberGold | LabelGold | TextGold | ContainsGold
) -> Verdict:
    match gold:
        case NumberGold():
            found, right = number_in(text, gold), Quantity.of(gold.value, gold.unit)
            passed = found is not None and _agree(found, right, gold)
            return _verdict(answer, passed=passed, right=str(right))
        case LabelGold():
            return _verdict(answer, passed=answer == gold.value, right=gold.value)
        case TextGold():
            passed = normal(answer) in {normal(way) for way in gold.value}
            return _verdict(answer, passed=passed, right=" or ".join(gold.value))
        case ContainsGold():
            lack = missing_from(text, gold)
            return Verdict(outcome="wrong" if lack else "right", extracted=answer, why=lack or "")
        case _:
            assert_never(gold)


_WANTED = {
    "number": "number",
    "label": "single label",
    "code": "program",
    "text": "short answer",
    "contains": "text",
}


def _agree(one: Quantity, other: Quantity, kind: Number) -> bool:
    if not kind.convertible and one.unit != other.unit:
        return False
    return agree(one, other, tolerance=kind.tolerance)


def _verdict(answer: str, *, passed: bool, right: str) -> Verdict:
    if passed:
        return Verdict(outcome="right", extracted=answer)
    return Verdict(
        outcome="wrong", extracted=answer, why=f"it gives {answer!r}, right is {right!r}"
    )


async def _runs(code: str, gold: CodeGold, sandbox: Sandbox) -> Verdict:
    checks = await checked(sandbox, code, gold.tests)
    if checks.failed:
        check = checks.failed[0]
        why = f"{check.test!r}: {check.outcome.why}"
        return Verdict(outcome="wrong", extracted=code, why=why)
    if checks.unrun:
        why = f"it was not run: {checks.unrun[0].outcome.why}"
        return Verdict(outcome="unjudged", extracted=code, why=why)
    return Verdict(outcome="right", extracted=code)
