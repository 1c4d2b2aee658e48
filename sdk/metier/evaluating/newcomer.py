"""Is one expert picked when it should be, and whose questions does it take?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from metier.errors import InvalidInput, UnknownExpert
from metier.evaluating.estimate import Estimate, Finding
from metier.evaluating.questions import RoutingQuestion
from metier.evaluating.routing import chosen, scored
from metier.experts.card import GENERAL
from metier.planning.calibrating import Placed

if TYPE_CHECKING:
    from metier.council import Council

Names = npt.NDArray[np.str_]


class Moved(Finding):
    """A question that goes to another expert than its own.

    Attributes:
        owner: the expert it belongs to; `general` if it belongs to none.
        taker: the expert that is chosen; `general` if none is.
        before: the expert that is chosen without the new one.
    """

    question: str
    owner: str
    taker: str
    before: str


class NewcomerReport(Finding):
    """What labelled questions say about one expert among all.

    Attributes:
        n: number of questions.
        recall: the share of its own questions that it is chosen for.
        precision: the share of what it is chosen for that is its own.
        lost: its own questions that go to another expert, or to none.
        stolen: others' questions that it takes, and that went right without it.
        wrong_anyway: others' questions that it takes, and that went wrong without it too.
        others: the share of others' questions that go right.
        others_before: that share without it, with the same calibration.
    """

    expert: str
    n: int
    embedder: str
    recall: Estimate
    precision: Estimate
    lost: tuple[Moved, ...]
    stolen: tuple[Moved, ...]
    wrong_anyway: tuple[Moved, ...]
    others: Estimate
    others_before: Estimate


async def evaluated_newcomer(
    council: Council, questions: Sequence[RoutingQuestion], *, expert: str
) -> NewcomerReport:
    """How one expert of a council fares, with and without it. No model is asked.

    Raises:
        UnknownExpert: the council has no such expert.
        InvalidInput: no question belongs to it, or as `scored` raises it.
        ModelServerError, ModelMissing: the embedder cannot be asked.
    """
    if expert not in council.registry.cards:
        raise UnknownExpert(expert, council.registry.cards)
    if not any(question.expert == expert for question in questions):
        raise InvalidInput(
            f"no question belongs to {expert!r}",
            hint="Write some into evaluation.jsonl beside its card, or give them with --data",
        )
    found = await scored(council, questions)
    general = found.judge.general
    now = chosen(found.placed, found.calibration, general=general).names
    before = chosen(_without(found.placed, expert), found.calibration, general=general).names
    owners = found.judge.owners
    own, taken = owners == expert, now == expert
    moved = list(_moved(found.texts, owners, now, before))
    stolen = [each for each in moved if each.taker == expert]
    return NewcomerReport(
        expert=expert,
        n=len(questions),
        embedder=council.embedder.id,
        recall=Estimate.share(taken[own]),
        precision=Estimate.share(own[taken]),
        lost=tuple(each for each in moved if each.owner == expert),
        stolen=tuple(each for each in stolen if each.before == each.owner),
        wrong_anyway=tuple(each for each in stolen if each.before != each.owner),
        others=Estimate.share((now == owners)[~own]),
        others_before=Estimate.share((before == owners)[~own]),
    )


def _without(placed: Placed, expert: str) -> Placed:
    """The same questions where one expert is not there; whose they are does not matter here."""
    kept = [n for n, name in enumerate(placed.names) if name != expert]
    if not kept:
        raise InvalidInput(
            f"{expert!r} is the only expert", hint="See: metier experts list. It needs neighbours"
        )
    return replace(
        placed,
        names=[placed.names[n] for n in kept],
        owners=np.full_like(placed.owners, -1),
        scores=placed.scores[:, kept],
        contrasts=placed.contrasts[:, kept],
    )


def _moved(texts: Sequence[str], owners: Names, now: Names, before: Names) -> Iterator[Moved]:
    for n in np.flatnonzero(now != owners).tolist():
        yield Moved(
            question=texts[n], owner=str(owners[n]), taker=str(now[n]), before=str(before[n])
        )


def nobody(name: str) -> str:
    """An expert's name for people: the general one stands for nobody."""
    return "nobody" if name == GENERAL else name
