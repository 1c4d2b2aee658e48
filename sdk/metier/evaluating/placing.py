"""Where questions go with one calibration: counted, expert by expert."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from metier.evaluating.estimate import Estimate, Finding
from metier.experts.card import GENERAL
from metier.planning.calibrating import calibration_error

Array = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]

_EXAMPLES = 3


class ExpertFigures(Finding):
    """How one expert fares; `general` stands for nobody.

    Attributes:
        asked: questions that are its own.
        chosen: questions that it was chosen for.
        recall: the share of its own that it was chosen for; None if there are none.
        precision: the share of those that it was chosen for that are its own.
    """

    expert: str
    asked: int
    chosen: int
    recall: float | None
    precision: float | None


class Nobody(Finding):
    """How often no expert is chosen, that is, the general one.

    Attributes:
        asked: questions that belong to no expert.
        spared: those of them for which no expert is chosen.
        missed: questions of an expert for which no expert is chosen.
    """

    asked: int
    spared: int
    missed: int


class Stolen(Finding):
    """Questions of one expert that go to another one.

    Attributes:
        examples: up to three of them.
    """

    owner: str
    thief: str
    count: int
    examples: tuple[str, ...]


class Placing(Finding):
    """Where questions go with one calibration.

    Attributes:
        confusion: whose question, which expert was chosen, how often; `general` stands for none.
        ece: expected calibration error of the probability of the nearest expert.
    """

    accuracy: Estimate
    experts: tuple[ExpertFigures, ...]
    confusion: dict[str, dict[str, int]]
    stolen: tuple[Stolen, ...]
    nobody: Nobody
    ece: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Who was chosen for each question.

    Attributes:
        nearest: the expert with the best score, whether it was chosen or not.
        chance: the probability that it is the right one.
    """

    names: Names
    nearest: Names
    chance: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Whose the questions are.

    Attributes:
        general: whether there is a general expert, which takes what no other covers.
    """

    texts: Sequence[str]
    owners: Names
    general: bool

    def placing(self, chosen: Chosen) -> Placing:
        """Count what goes where."""
        right = chosen.names == self.owners
        pairs = Counter(zip(self.owners.tolist(), chosen.names.tolist(), strict=True))
        rated = chosen.nearest != GENERAL
        sure = (chosen.nearest == self.owners)[rated]
        return Placing(
            accuracy=Estimate.share(right),
            experts=tuple(_figures(pairs)),
            confusion=_confusion(pairs),
            stolen=self._stolen(chosen.names),
            nobody=_nobody(pairs),
            ece=calibration_error(chosen.chance[rated], sure),
        )

    def _stolen(self, names: Names) -> tuple[Stolen, ...]:
        """The pairs, the most frequent first. Questions without a chosen expert do not count."""
        wrong = np.flatnonzero((names != self.owners) & (names != GENERAL)).tolist()
        pair_of = {n: (str(self.owners[n]), str(names[n])) for n in wrong}
        groups = groupby(sorted(wrong, key=pair_of.__getitem__), key=pair_of.__getitem__)
        found = [
            Stolen(
                owner=owner,
                thief=thief,
                count=len(rows),
                examples=tuple(self.texts[n] for n in rows[:_EXAMPLES]),
            )
            for (owner, thief), rows in ((pair, list(group)) for pair, group in groups)
        ]
        return tuple(sorted(found, key=lambda stolen: -stolen.count))


def _figures(pairs: Mapping[tuple[str, str], int]) -> list[ExpertFigures]:
    found = []
    for name in _involved(pairs):
        asked = sum(count for (owner, _), count in pairs.items() if owner == name)
        chosen = sum(count for (_, taker), count in pairs.items() if taker == name)
        right = pairs.get((name, name), 0)
        found.append(
            ExpertFigures(
                expert=name,
                asked=asked,
                chosen=chosen,
                recall=right / asked if asked else None,
                precision=right / chosen if chosen else None,
            )
        )
    return found


def _nobody(pairs: Mapping[tuple[str, str], int]) -> Nobody:
    return Nobody(
        asked=sum(count for (owner, _), count in pairs.items() if owner == GENERAL),
        spared=pairs.get((GENERAL, GENERAL), 0),
        missed=sum(n for (owner, taker), n in pairs.items() if owner != GENERAL == taker),
    )


def _confusion(pairs: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    names = _involved(pairs)
    return {
        owner: {taker: pairs[owner, taker] for taker in names if (owner, taker) in pairs}
        for owner in names
        if any((owner, taker) in pairs for taker in names)
    }


def _involved(pairs: Mapping[tuple[str, str], int]) -> list[str]:
    """The experts that occur, the general one last."""
    return sorted(
        {name for pair in pairs for name in pair}, key=lambda name: (name == GENERAL, name)
    )
