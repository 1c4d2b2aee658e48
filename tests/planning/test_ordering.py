"""Which part of a question is to be done before the one that stands before it."""

from __future__ import annotations

import pytest

from metier.planning.ordering import done_first, in_order


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("Write the note, but first add 3 and 4", ("Write the note", "add 3 and 4")),
        ("Write the note. Add up the hours first.", ("Write the note.", "Add up the hours first.")),
        (
            "Give me the file once you've turned 3 km into m",
            ("Give me the file", "turned 3 km into m"),
        ),
        (
            "Tell her what to do, once you've found out why it fails",
            ("Tell her what to do, once you've found out", "why it fails"),
        ),
        ("Before you write, work out 3 + 4", ("Before you write", "work out 3 + 4")),
        ("Schreib die Karte, aber zuerst rechne 3 + 4", ("Schreib die Karte", "rechne 3 + 4")),
        ("写一封信，先算一下3+4", ("写一封信", "算一下3+4")),
    ],
)
def test_what_is_to_be_done_first_stands_later(question: str, parts: tuple[str, ...]) -> None:
    assert done_first(question, parts) == {1}


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("Add 3 and 4, then write a note", ("Add 3 and 4", "write a note")),
        ("Fix this. Once you have done that, add 3 and 4", ("Fix this.", "add 3 and 4")),
        ("Add 3 and 4. The first king of France?", ("Add 3 and 4.", "The first king of France?")),
        ("What is 3 + 4? First aid for burns", ("What is 3 + 4?", "First aid for burns")),
        ("Fix this. Who got there first?", ("Fix this.", "Who got there first?")),
        ("what is 3 + 4 and who got there first", ("what is 3 + 4", "who got there first")),
        ("Can I run after I eat? Add 3 and 4.", ("Can I run after I eat?", "Add 3 and 4.")),
        ("Add 3 and 4, then list them, newest first", ("Add 3 and 4", "list them, newest first")),
        ("What is 3 + 4? First-line treatment?", ("What is 3 + 4?", "First-line treatment?")),
    ],
)
def test_other_parts_are_done_in_their_order(question: str, parts: tuple[str, ...]) -> None:
    assert done_first(question, parts) == frozenset()


def test_of_three_that_are_each_to_be_done_first_the_second_is() -> None:
    parts = ("Write the note", "add 3 and 4", "sing a song", "say no")
    question = "Write the note, but first add 3 and 4, but first sing a song, but first say no"
    assert done_first(question, parts) == {1, 3}


def test_parts_change_places_with_the_one_before() -> None:
    assert in_order(3, frozenset({1})) == [1, 0, 2]
    assert in_order(2, frozenset()) == [0, 1]
