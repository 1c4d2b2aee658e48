"""Which piece of a question belongs to which of several experts."""

from __future__ import annotations

import numpy as np
import pytest

from metier.planning.parts import shared_among

QUESTION = "the whole question"


@pytest.mark.parametrize(
    ("lean", "owners"),
    [
        ([[0.9, 0.1, 0.1], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9]], (0, 1, 2)),
        ([[0.1, 0.1, 0.9], [0.9, 0.1, 0.1], [0.1, 0.9, 0.1]], (1, 2, 0)),
        # The first is near to everything.
        ([[0.9, 0.2, 0.2], [0.7, 0.4, 0.2], [0.7, 0.2, 0.4]], (0, 1, 2)),
    ],
)
def test_each_expert_gets_its_piece(lean: list[list[float]], owners: tuple[int, ...]) -> None:
    pieces = ("add the numbers", "write the program", "name the drug")
    found = shared_among(pieces, np.array(lean), QUESTION)
    assert found == tuple(pieces[n] for n in owners)


def test_pieces_of_one_expert_stay_together_in_their_order() -> None:
    lean = np.array([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]])
    pieces = ("add the numbers", "write the program", "and round it")
    assert shared_among(pieces, lean, QUESTION) == (f"{pieces[0]} {pieces[2]}", pieces[1])


@pytest.mark.parametrize(
    ("pieces", "lean"),
    [
        ((), []),
        (("add the numbers", "the bug"), [[0.9, 0.1], [0.1, 0.9]]),
        (("add the numbers", "divide the numbers"), [[0.9, 0.1], [0.9, 0.1]]),
    ],
    ids=["none", "too short", "all of one"],
)
def test_all_get_the_whole_question_where_one_would_get_nothing(
    pieces: tuple[str, ...], lean: list[list[float]]
) -> None:
    found = shared_among(pieces, np.array(lean).reshape(len(pieces), 2), QUESTION)
    assert found == (QUESTION, QUESTION)
