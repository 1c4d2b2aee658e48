"""Which piece of a question belongs to which of several experts, and which parts are one task."""

from __future__ import annotations

import numpy as np
import pytest

from metier.planning.cutting import Piece, Sign
from metier.planning.parts import Asked, Part, experts_of, merged, shared_among, shared_out
from metier.planning.selecting import Choice

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


def part(expert: str, text: str, *, reason: str | None = None) -> Part:
    choice = Choice(expert=expert, candidates=(), reason=reason)
    return Part(text=text, choice=choice, vector=np.zeros((1, 2), np.float32))


def told(*parts: Part) -> list[tuple[str, str]]:
    return [(each.choice.expert, each.text) for each in merged(parts)]


NOBODY = part("general", "by the way", reason="nobody fits")


def test_neighbours_with_one_expert_are_one_task() -> None:
    parts = part("math", "Add it."), part("math", "round it"), part("math", "halve it")
    assert told(*parts) == [("math", "Add it. round it; halve it")]
    apart = part("math", "Add it"), part("code", "print it"), part("math", "halve it")
    assert told(*apart) == [("math", "Add it"), ("code", "print it"), ("math", "halve it")]
    assert experts_of(apart) == {"math", "code"}


@pytest.mark.parametrize("mark", list(".?!:;"))
def test_a_mark_between_two_parts_is_enough(mark: str) -> None:
    assert told(part("math", f"Add{mark}"), part("math", "halve")) == [("math", f"Add{mark} halve")]


def test_what_fits_nobody_joins_the_part_before_it_or_after_it() -> None:
    math, code = part("math", "Add it"), part("code", "print it")
    assert told(math, NOBODY, code) == [("math", "Add it; by the way"), ("code", "print it")]
    assert told(NOBODY, math) == [("math", "by the way; Add it")]
    assert told(NOBODY) == [("general", "by the way")]
    # What the general expert is chosen for is a part of its own.
    assert len(told(math, part("general", "tell a story"), code)) == 3


@pytest.mark.parametrize(
    ("lean", "shares"),
    [
        ([[0.9, 0.1], [0.1, 0.9]], ((0, "add the numbers"), (1, "write the program"))),
        ([[0.1, 0.9], [0.9, 0.1]], ((1, "add the numbers"), (0, "write the program"))),
        # Both are nearer to one: the other gets what is nearest to it.
        ([[0.9, 0.1], [0.5, 0.4]], ((0, "add the numbers"), (1, "write the program"))),
        ([[0.1, 0.9], [0.4, 0.5]], ((1, "add the numbers"), (0, "write the program"))),
    ],
)
def test_of_two_experts_each_gets_a_piece(
    lean: list[list[float]], shares: tuple[tuple[int, str], ...]
) -> None:
    pieces = ("add the numbers", "write the program")
    assert shared_out(pieces, np.array(lean), QUESTION) == shares


def asked(*signs: Sign) -> Asked:
    """A question in pieces before which these signs stand, with vectors that are numbered."""
    pieces = tuple(Piece(text=f"piece {n}", start=0, end=0, sign=s) for n, s in enumerate(signs))
    return Asked(
        question="all of it",
        pieces=pieces,
        looked_at=4,
        phrases=("a phrase", "another"),
        aspects=("one", "two", "three", "four"),
        together=("before and now",),
        vectors=np.arange(12, dtype=np.float32)[:, None],
    )


@pytest.mark.parametrize(
    ("sign", "sentences", "apart"),
    [
        (Sign.COLON, 1, False),
        (Sign.SENTENCE, 2, False),
        (Sign.LINE, 2, False),
        (Sign.MARK, 2, True),
        (Sign.PARAGRAPH, 2, True),
    ],
)
def test_sentences_are_counted_and_marks_set_parts_apart(
    sign: Sign, sentences: int, *, apart: bool
) -> None:
    found = asked(Sign.NONE, sign, Sign.COMMA)
    assert (found.sentences, found.apart) == (sentences, apart)


def test_each_text_that_is_embedded_has_its_vector() -> None:
    found = asked(Sign.NONE, Sign.COMMA)
    assert found.piece_texts == ("piece 0", "piece 1")
    numbers = [
        each[:, 0].tolist()
        for each in (
            found.piece_vectors,
            found.phrase_vectors,
            found.aspect_vectors,
            found.together_vectors,
        )
    ]
    assert numbers == [[1, 2], [5, 6], [7, 8, 9, 10], [11]]


def test_a_question_of_one_piece_may_not_be_cut() -> None:
    whole = asked(Sign.NONE)
    assert whole.piece_texts == ()
    assert len(whole.piece_vectors) == 0
