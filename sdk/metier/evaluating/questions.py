"""Labelled questions: their expert, the models that got them right, or what they need."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StringConstraints
from pydantic import ValidationError as Invalid

from metier.errors import InvalidInput, InvalidPlan, UnreadableInput, nearest
from metier.experts.card import GENERAL, Card
from metier.experts.registry import Registry
from metier.grading import Gold
from metier.plan import Document, Plan
from metier.planning.learning.past import PastPlan
from metier.settings.reading import read_text

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _or_general(value: object) -> object:
    return GENERAL if value is None or value == "none" else value


class RoutingQuestion(BaseModel):
    """A question, the expert that it belongs to, and what its right answer is.

    Attributes:
        expert: its id; the general expert if the question belongs to none (`null`, `"none"`).
        answer: what `metier evaluate answers` judges by; questions without are not asked there.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    question: Text
    expert: Annotated[Text, BeforeValidator(_or_general)]
    answer: Gold | None = None


class AnswerQuestion(BaseModel):
    """A question, the domain that it counts for, and its right answer.

    Attributes:
        documents: texts that it is about.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    question: Text
    domain: Text
    gold: Gold
    documents: tuple[Document, ...] = ()


class OutcomeQuestion(BaseModel):
    """A question and which models got it right.

    Attributes:
        right: for each model 1 or true, 0 or false, or a share between them; a model whose
            outcome is not known is left out, or null.
        answers: what each model answered, in a word such as `B` or `42`; the same word is the
            same answer. A model that gave none is left out.
        options: how many answers there are to choose from; 0 for an open question.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    question: Text
    right: dict[Text, Annotated[float, Field(ge=0, le=1)] | None] = Field(min_length=1)
    answers: dict[Text, Text] = Field(default_factory=dict)
    options: Annotated[int, Field(ge=0)] = 0


class SplittingQuestion(BaseModel):
    """A question and whether it asks for several things."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    question: Text
    several: StrictBool


Row = TypeVar("Row")
_ANSWERED = (
    'A line with one is such as: {"question": "What is 2 + 2?", "expert": "math", '
    '"answer": {"kind": "number", "value": 4}}'
)


def domain_questions(registry: Registry) -> list[RoutingQuestion]:
    """The questions that come with the registered experts: `evaluation.jsonl` next to each card.

    Raises:
        InvalidInput: a line that cannot be used, an expert that is not there, no question at all.
    """
    cards = [Path(entry.origin) for entry in registry.entries.values()]
    files = [card.with_name("evaluation.jsonl") for card in cards if card.name == "domain.toml"]
    found = [
        question
        for file in dict.fromkeys(files)
        if file.is_file()
        for question in routing_questions(file, registry.cards)
    ]
    if not found:
        raise InvalidInput(
            "no domain has questions in an evaluation.jsonl",
            hint="Give your own: metier evaluate routing --data questions.jsonl",
        )
    return found


def routing_questions(file: Path, experts: Collection[str]) -> list[RoutingQuestion]:
    """The questions of a JSON Lines file.

    Args:
        experts: those that a question may belong to, besides the general one.

    Raises:
        InvalidInput: a line that cannot be used, or an expert that is not there.
        UnreadableInput: there is no such file, or it is not text.
    """
    found: list[RoutingQuestion] = []
    example = '{"question": "What is 2 + 2?", "expert": "math"}'
    for where, row in rows(file, RoutingQuestion.model_validate_json, example=example):
        if row.expert != GENERAL and row.expert not in experts:
            raise InvalidInput(
                f"{where}: no expert is called {row.expert!r}{nearest(row.expert, experts)}",
                hint="See: metier experts list. A question that is nobody's has null",
            )
        found.append(row)
    return found


def answer_questions(
    questions: Sequence[RoutingQuestion],
    *,
    domains: Collection[str] = (),
    limit: int | None = None,
) -> list[AnswerQuestion]:
    """The questions that have an answer, each once.

    Args:
        domains: only those of these experts; of all where it is empty.
        limit: how many of each expert at most, the first ones.

    Raises:
        InvalidInput: there is none, or none of one of the domains.
    """
    of_domain: dict[str, dict[str, AnswerQuestion]] = {}
    for row in questions:
        if row.answer is not None:
            found = AnswerQuestion(question=row.question, domain=row.expert, gold=row.answer)
            of_domain.setdefault(row.expert, {}).setdefault(row.question, found)
    for name in domains:
        if name not in of_domain:
            raise InvalidInput(
                f"no question of {name!r} has an answer{nearest(name, of_domain)}", hint=_ANSWERED
            )
    if not of_domain:
        raise InvalidInput("no question has an answer", hint=_ANSWERED)
    kept = [
        list(of_domain[name].values())[:limit]
        for name in of_domain
        if name in (domains or of_domain)
    ]
    return [question for each in kept for question in each]


def outcome_questions(file: Path) -> list[OutcomeQuestion]:
    """The questions of a JSON Lines file, with the models that got them right.

    Raises:
        InvalidInput: a line that cannot be used.
        UnreadableInput: there is no such file, or it is not text.
    """
    example = '{"question": "What is 2 + 2?", "right": {"small": true, "large": true}}'
    return [row for _, row in rows(file, OutcomeQuestion.model_validate_json, example=example)]


def splitting_questions(file: Path) -> list[SplittingQuestion]:
    """The questions of a JSON Lines file, with whether each asks for several things.

    Raises:
        InvalidInput: a line that cannot be used.
        UnreadableInput: there is no such file, or it is not text.
    """
    example = '{"question": "What is 2 + 2? Who was Nero?", "several": true}'
    return [row for _, row in rows(file, SplittingQuestion.model_validate_json, example=example)]


def past_plans(file: Path, cards: Mapping[str, Card]) -> list[PastPlan]:
    """The plans of a JSON Lines file: as `PastPlan`, or as `metier plan --json` wrote them.

    Args:
        cards: of the experts that a step may name.

    Raises:
        InvalidInput: a line that cannot be used, or an expert or capability that is not there.
        UnreadableInput: there is no such file, or it is not text.
    """
    found: list[PastPlan] = []
    example = '{"request": "…", "steps": [{"expert": "math", "capability": "calculate"}]}'
    for where, plan in rows(file, _past_plan, example=example):
        if plan is None:
            raise InvalidInput(f"{where}: no step of the plan names a capability")
        for expert, name in plan.chain:
            if expert not in cards:
                raise InvalidInput(
                    f"{where}: no expert is called {expert!r}{nearest(expert, cards)}",
                    hint="See: metier experts list",
                )
            names = [capability.name for capability in cards[expert].capabilities]
            if name not in names:
                raise InvalidInput(
                    f"{where}: {expert} has no capability {name!r}{nearest(name, names)}",
                    hint=f"See: metier experts show {expert}",
                )
        found.append(plan)
    return found


def _past_plan(line: str) -> PastPlan | None:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        fields = None  # said below, as of every line
    if isinstance(fields, dict) and "question" in fields:
        return PastPlan.of(Plan.model_validate_json(line))
    return PastPlan.model_validate_json(line)


def rows(file: Path, parse: Callable[[str], Row], *, example: str) -> Iterator[tuple[str, Row]]:
    """Each line of a JSON Lines file as an object, with its place; empty lines are skipped.

    Args:
        parse: makes the object of a line, as `model_validate_json` does.
        example: a right line, for the hint.

    Raises:
        InvalidInput: a line that cannot be used, or no line.
        UnreadableInput: there is no such file, or it is not text.
    """
    hint = f"A line is such as: {example}"
    empty = True
    # Not splitlines(): it cuts at characters that may stand in a JSON string.
    for number, line in enumerate(_text(file).split("\n"), 1):
        if not line.strip():
            continue
        empty = False
        where = f"{file}:{number}"
        try:
            row = parse(line)
        except InvalidPlan as exc:
            raise InvalidInput(f"{where}: {exc.message}", hint=hint) from exc
        except Invalid as exc:
            error = exc.errors()[0]
            key = ".".join(str(part) for part in error["loc"])
            reason = f"{key}: {error['msg']}" if key else error["msg"]
            raise InvalidInput(f"{where}: {reason}", hint=hint) from exc
        yield where, row
    if empty:
        raise InvalidInput(f"{file} has no line", hint=hint)


def _text(file: Path) -> str:
    try:
        return read_text(file)
    except OSError as exc:
        raise UnreadableInput(str(file), reason=(exc.strerror or str(exc)).lower()) from exc
    except UnicodeDecodeError as exc:
        raise UnreadableInput(str(file)) from exc
