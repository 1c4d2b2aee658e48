"""What kind of answer a task wants, and which of several answers are the same."""

from __future__ import annotations

import re
from collections.abc import Sequence

from metier.experts.threads import in_thread
from metier.grading import AnswerKind, Code, Number, Text, choices_in, extracted, same
from metier.sandbox import Sandbox
from metier.strategies.ballots.behaviour import behaviours

_NUMBER = re.compile(
    r"\bhow\s+(?:many|much|old|long|far|tall|fast|heavy|high|deep|wide|often)\b"
    r"|\b(?:calculate|compute|evaluate|probability|percent(?:age)?|average|total|sum)\b"
    r"|\d\s*[-+*/^×÷%]\s*\d",
    re.IGNORECASE,
)
_OUTPUTS: dict[str, AnswerKind] = {"number": Number(), "quantity": Number(), "code": Code()}
# A free text is shown by its beginning.
_SHOWN = 60


def kind_of(question: str, output: str, texts: Sequence[str]) -> AnswerKind | None:
    """How answers to a question are compared; None if they are free texts.

    Choices that the question gives come first. Else it is what the capability promises, or what
    the question asks for, where more than half of the texts give such an answer.

    Args:
        output: the kind of the capability that was chosen: `number`, `code`, `text`, …
    """
    if choices := choices_in(question):
        return choices.kind
    told = [text for text in texts if text.strip()]
    wanted = [_OUTPUTS[output]] if output in _OUTPUTS else []
    if _NUMBER.search(question):
        wanted.append(Number())
    for kind in (*wanted, Code(), Text()):
        given = sum(extracted(text, kind) is not None for text in told)
        if given * 2 > len(told):
            return kind
    return None


async def grouped(
    texts: Sequence[str], kind: AnswerKind | None, question: str, sandbox: Sandbox
) -> list[int | None]:
    """A number for each text, the same for the same answers; None if it gives none.

    Numbers may be written in other units, labels as their options, and programs are the same if
    they do the same (see `behaviours`); free texts are all different.
    """
    if kind is None:
        return [n if text.strip() else None for n, text in enumerate(texts)]
    if isinstance(kind, Code):
        done = await behaviours(texts, question, sandbox)
        if done is not None:
            return _by_first(done)
    return await in_thread(_grouped, texts, kind)


def _grouped(texts: Sequence[str], kind: AnswerKind) -> list[int | None]:
    groups: list[int | None] = []
    for n, text in enumerate(texts):
        if extracted(text, kind) is None:
            groups.append(None)
            continue
        alike = (g for g, other in zip(groups, texts, strict=False) if g is not None)
        found = next((g for g in dict.fromkeys(alike) if same(text, texts[g], kind)), n)
        groups.append(found)
    return groups


def _by_first(values: Sequence[object | None]) -> list[int | None]:
    first: dict[object, int] = {}
    for n, value in enumerate(values):
        if value is not None:
            first.setdefault(value, n)
    return [None if value is None else first[value] for value in values]


def shown(text: str, kind: AnswerKind | None) -> str:
    """An answer in a few words, for a table of votes."""
    given = text if kind is None or isinstance(kind, Code) else extracted(text, kind)
    line = " ".join((given or "").split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
