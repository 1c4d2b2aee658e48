"""The questions on which models are combined, in an order by hash, as every model is asked them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import Row, rows
from metier.experts.card import Card
from metier.experts.expert import Task
from metier.grading import Choices, Gold, LabelGold, NumberGold
from metier.plan import Message
from metier_math.word_problems import STOP, asking

GSM8K, MMLU_PRO = "gsm8k/test.jsonl", "mmlu_pro/questions.jsonl.gz"
MEDMCQA = "medical/medmcqa_dev.jsonl.gz"
FILES = (GSM8K, MMLU_PRO, MEDMCQA)

_LETTER = "Answer with the letter of the right option only."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question with its gold.

    Attributes:
        messages: what a model is asked.
        stop: what ends its reply.
        choices: the options, where it is a closed one.
    """

    question: str
    gold: Gold
    messages: tuple[Message, ...]
    stop: tuple[str, ...] = ()
    choices: Choices | None = None


def gsm8k(folder: Path, *, limit: int, skip: int = 0) -> list[Asked]:
    """Word problems, each answered by a program that metier computes, as the math expert does."""
    card = Card(id="math", description="mathematics")
    return [
        Asked(
            question=row["question"],
            gold=NumberGold(value=str(row["final"]).replace(",", "")),
            messages=asking(card, Task(text=row["question"])),
            stop=STOP,
        )
        for row in _ordered(folder, GSM8K)[skip : skip + limit]
    ]


def mmlu_pro(folder: Path, *, limit: int, skip: int = 0) -> list[Asked]:
    """Closed questions with up to ten options."""
    return [
        _closed(row["question"], row["options"], row["answer"])
        for row in _ordered(folder, MMLU_PRO)[skip : skip + limit]
    ]


def medmcqa(folder: Path, *, limit: int, skip: int = 0) -> list[Asked]:
    """Closed questions of medicine with four options."""
    return [
        _closed(row["question"], list(_options(row).values()), row["answer"])
        for row in _ordered(folder, MEDMCQA)[skip : skip + limit]
    ]


def _options(row: Row) -> Mapping[str, str]:
    options: Mapping[str, str] = row["options"]
    return options


def _closed(question: str, options: Sequence[str], answer: str) -> Asked:
    labels = tuple("ABCDEFGHIJ"[: len(options)])
    choices = Choices(stem=question, labels=labels, options=tuple(options))
    return Asked(
        question=question,
        gold=LabelGold(value=answer, labels=labels, options=tuple(options)),
        messages=(Message(role="user", content=f"{choices.text()}\n\n{_LETTER}"),),
        choices=choices,
    )


def _ordered(folder: Path, file: str) -> list[Row]:
    return rows(folder, file, limit=10**9)
