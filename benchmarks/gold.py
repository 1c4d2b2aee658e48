"""Questions with gold answers, as a person would type them, and as the model alone is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import Row, rows
from metier.evaluating.questions import AnswerQuestion
from metier.experts.expert import delimited
from metier.grading import CodeGold, LabelGold, NumberGold
from metier.plan import Document, Message

GSM8K, HUMANEVAL = "gsm8k/test.jsonl", "humaneval/test.jsonl"
MEDQA, PUBMEDQA = "medical/medqa_us_4opt.jsonl", "pubmedqa/pqal.jsonl.gz"
NEED_TOOL, MMLU_PRO = "metatool/need_tool.jsonl", "mmlu_pro/questions.jsonl.gz"
FILES = (GSM8K, HUMANEVAL, MEDQA, PUBMEDQA, NEED_TOOL, MMLU_PRO)

# What the model alone is told: the best of those that were tried on other rows
# (docs/results/end-to-end.md).
_STEPS = "Solve it step by step. End with a line 'Answer: ' and the number."
_LETTER = "Answer with the letter of the right option only."
_WORD = "Answer yes, no or maybe only."
_FUNCTION = "Complete this Python function. Give the whole function with its imports."

# Questions of MetaTool that need no tool, less those for an expert of mathematics, code or
# medicine.
_DOMAINS = re.compile(
    r"\d\s*[-+*/×÷=^]\s*\d|\b(?:code|python|java\w*|c\+\+|sql|html|css|script|program\w*|function|"
    r"algorithm|regex|leetcode|api|software|debug|equation|math\w*|calculat\w*|solve|sum|average|"
    r"percent\w*|probability|integral|derivative|geometry|health|medic\w*|doctor|symptom\w*|"
    r"disease|drug|pain|patient|therapy|diet|vitamin\w*|sleep|blood|cancer|virus|vaccin\w*|"
    r"numbers?|convert|measurements?|game theory|healthcare|covid\S*|infect\w*|bacteri\w*|"
    r"mental|depress\w*|anxiety|allerg\w*|pregnan\w*|surger\w*|antibiotic\w*|pyplot|plot a|latex|"
    r"web ?(?:app|site|page)s?|captcha|authentication|spam filter|neural|machine learning|database|"
    r"excel|linux|terminal|server)\b",
    re.IGNORECASE,
)
_GENERAL = ("history", "law", "philosophy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A question with its gold, and what the model alone is asked."""

    asked: AnswerQuestion
    alone: tuple[Message, ...]


def items(folder: Path, name: str, *, limit: int, skip: int = 0) -> list[Item]:
    """The first rows of a set in an order by hash, as questions.

    Args:
        name: gsm8k, humaneval, medqa or pubmedqa.
        skip: rows to leave out before.
    """
    file, make = _SETS[name]
    official = [row for row in _ordered(folder, file) if row.get("test", True)]
    return [make(row) for row in official[skip : skip + limit]]


def general(folder: Path, *, limit: int) -> list[str]:
    """Questions that no expert is needed for, half of them of each kind."""
    spoken = [
        str(row["query"])
        for row in _ordered(folder, NEED_TOOL)
        if row["label"] == "negative" and not _DOMAINS.search(row["query"])
    ]
    taught = [
        _with_options(row["question"], row["options"])
        for row in _ordered(folder, MMLU_PRO)
        if row["category"] in _GENERAL
    ]
    half = limit // 2
    return [*spoken[: limit - half], *taught[:half]]


def _ordered(folder: Path, file: str) -> list[Row]:
    return rows(folder, file, limit=10**9)


def _asked(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


def _gsm8k(row: Row) -> Item:
    question = str(row["question"])
    gold = NumberGold(value=str(row["final"]).replace(",", ""))
    return Item(
        asked=AnswerQuestion(question=question, domain="gsm8k", gold=gold),
        alone=_asked(f"{question}\n\n{_STEPS}"),
    )


def _humaneval(row: Row) -> Item:
    name = str(row["entry_point"])
    question = f"{_FUNCTION}\n```python\n{str(row['prompt']).strip()}\n```"
    gold = CodeGold(tests=(f"{row['test']}\ncheck({name})",), entry_point=name)
    return Item(
        asked=AnswerQuestion(question=question, domain="humaneval", gold=gold),
        alone=_asked(question),
    )


def _medqa(row: Row) -> Item:
    options: Mapping[str, str] = row["options"]
    question = _with_options(row["question"], list(options.values()))
    gold = LabelGold(value=row["answer"], labels=tuple(options), options=tuple(options.values()))
    return Item(
        asked=AnswerQuestion(question=question, domain="medqa", gold=gold),
        alone=_asked(f"{question}\n\n{_LETTER}"),
    )


def _pubmedqa(row: Row) -> Item:
    abstract = Document(name=f"PubMed {row['pmid']}", text="\n\n".join(row["contexts"]))
    gold = LabelGold(value=row["answer"], labels=("yes", "no", "maybe"))
    question = f"{row['question']} {_WORD}"
    read = delimited("document", abstract.text, name=abstract.name)
    return Item(
        asked=AnswerQuestion(
            question=question, domain="pubmedqa", gold=gold, documents=(abstract,)
        ),
        alone=_asked(f"{read}\n\n{question}"),
    )


def _with_options(question: str, options: Sequence[str]) -> str:
    lettered = zip("ABCDEFGHIJ", options, strict=False)
    return "\n".join([question, *(f"{letter}) {option}" for letter, option in lettered)])


_SETS: Mapping[str, tuple[str, Callable[[Row], Item]]] = {
    "gsm8k": (GSM8K, _gsm8k),
    "humaneval": (HUMANEVAL, _humaneval),
    "medqa": (MEDQA, _medqa),
    "pubmedqa": (PUBMEDQA, _pubmedqa),
}
