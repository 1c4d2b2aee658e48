"""The questions on which models are combined, in an order by hash, as every model is asked them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import Row, rows
from metier.grading import Choices, Gold, LabelGold, NumberGold
from metier.plan import Message

GSM8K, MMLU_PRO = "gsm8k/test.jsonl", "mmlu_pro/questions.jsonl.gz"
MEDMCQA = "medical/medmcqa_dev.jsonl.gz"
FILES = (GSM8K, MMLU_PRO, MEDMCQA)

_LETTER = "Answer with the letter of the right option only."
_SHORT = "Solve the problem in short steps. End with a line 'Answer: ' and the number."
# Written for this prompt; they stand in no set.
_SHOWN = (
    (
        "A baker makes 6 trays of 12 rolls. She sells 50 rolls at $0.40 each and gives the rest "
        "away. How many rolls does she give away, and what does she earn? Say only the number of "
        "rolls that she gives away.",
        "She makes 6 * 12 = 72 rolls.\nShe gives away 72 - 50 = 22 rolls.\nAnswer: 22",
    ),
    (
        "Ana is 4 years older than Ben. In 6 years Ben will be 20. How old is Ana now?",
        "Ben is 20 - 6 = 14 now.\nAna is 14 + 4 = 18 now.\nAnswer: 18",
    ),
    (
        "A tank holds 240 litres. A pump fills 25% of it in the first hour and 30 litres in each "
        "hour after that. How many hours does it take to fill the tank?",
        "The first hour fills 0.25 * 240 = 60 litres.\n240 - 60 = 180 litres are left.\n"
        "They take 180 / 30 = 6 hours.\nIn total that is 1 + 6 = 7 hours.\nAnswer: 7",
    ),
    (
        "A shop sells pens in packs of 5 for $3. Lea needs 35 pens and has a coupon for $4 off. "
        "How much does she pay?",
        "She needs 35 / 5 = 7 packs.\nThey cost 7 * 3 = $21.\nWith the coupon that is "
        "21 - 4 = $17.\nAnswer: 17",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question with its gold.

    Attributes:
        messages: what a model is asked.
        choices: the options, where it is a closed one.
    """

    question: str
    gold: Gold
    messages: tuple[Message, ...]
    choices: Choices | None = None


def gsm8k(folder: Path, *, limit: int, skip: int = 0) -> list[Asked]:
    """Word problems, answered in short steps as four examples show."""
    shown = [
        Message(role=role, content=text)
        for question, answer in _SHOWN
        for role, text in (("user", f"{question}\n\n{_SHORT}"), ("assistant", answer))
    ]
    return [
        Asked(
            question=row["question"],
            gold=NumberGold(value=str(row["final"]).replace(",", "")),
            messages=(*shown, Message(role="user", content=f"{row['question']}\n\n{_SHORT}")),
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
