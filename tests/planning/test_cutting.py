"""Where a question may be cut, in any language."""

from __future__ import annotations

import pytest

from metier.planning.cutting import MAX_PIECES, Sign, cut, size_of, telling_words
from metier.planning.openings import Openings

NOTHING = Openings()


def texts(question: str, openings: Openings = NOTHING) -> list[str]:
    return [piece.text for piece in cut(question, openings)]


@pytest.mark.parametrize(
    ("question", "pieces"),
    [
        ("What is 2 + 2? Who was Kant?", ["What is 2 + 2?", "Who was Kant?"]),
        ("add it up and then plot it", ["add it up", "plot it"]),
        ("Wer war Kant und was ist 5 mal 7?", ["Wer war Kant", "was ist 5 mal 7?"]),
        ("感冒有什么症状？另外，15 的阶乘是多少？", ["感冒有什么症状？", "15 的阶乘是多少？"]),
        ("空は青い また、海は広い", ["空は青い", "海は広い"]),
        ("1) who was Kant\n2) what is 2 + 2", ["1) who was Kant", "what is 2 + 2"]),
        ("1) who was Kant 2) what is 2 + 2", ["1) who was Kant", "what is 2 + 2"]),
        ("Solve 2) x = 1 3) x = 2", ["Solve 2) x = 1 3) x = 2"]),
        ("add it up. besides that, who was Kant", ["add it up.", "who was Kant"]),
        ("the average of 320, 415 and 505", ["the average of 320, 415 and 505"]),
        ("add up 82, 77 and 91 apples", ["add up 82, 77 and 91 apples"]),
        ("is it 5%, 6% or 7% of it", ["is it 5%, 6% or 7% of it"]),
        ("is it 5 or more apples", ["is it 5", "more apples"]),
        ("explain (in short) import math", ["explain (in short) import math"]),
        ("explain (in short) def f():\n    pass", ["explain (in short)", "def f():\n    pass"]),
        ("go, and add it up", ["go", "add it up"]),
        ("explain 'this and that'", ["explain 'this and that'"]),
    ],
)
def test_a_question_is_cut_at_marks_and_joints(question: str, pieces: list[str]) -> None:
    assert texts(question) == pieces


def test_the_options_of_an_exam_question_stay_with_it_and_what_follows_does_not() -> None:
    exam = "Which drug is it?\nA) aspirin, and no other\nB) ibuprofen; or both"
    assert texts(f"{exam}\n\nWho was Kant?") == [exam, "Who was Kant?"]


@pytest.mark.parametrize(
    ("question", "pieces"),
    [
        ("Which is it: A) tin B) zinc. Who was Kant?",
         ["Which is it: A) tin B) zinc.", "Who was Kant?"]),
        ("Which is it?\na) tin\nb) zinc, or so\nWho was Kant?",
         ["Which is it?\na) tin\nb) zinc, or so", "Who was Kant?"]),
        ("Which? (A) tin, or so (B) zinc, or not; and why is it so?",
         ["Which? (A) tin, or so (B) zinc, or not", "why is it so?"]),
        ("Which is it, A) tin B) zinc C) lead\nand who was Kant?",
         ["Which is it, A) tin B) zinc C) lead", "who was Kant?"]),
        ("Which? A) tin B) zinc, or what", ["Which? A) tin B) zinc, or what"]),
        # What does not count from A on lists no options.
        ("Take B) tin, and C) zinc", ["Take B) tin", "C) zinc"]),
        ("Which? A) tin, C) zinc, and so on", ["Which?", "A) tin", "C) zinc", "so on"]),
    ],
)  # fmt: skip
def test_options_in_a_line_end_with_their_sentence(question: str, pieces: list[str]) -> None:
    assert texts(question) == pieces


def test_a_program_with_its_docstring_is_one_piece() -> None:
    stub = 'def add(a, b):\n    """Add, and return. Fast?"""\n\n    return a + b'
    assert texts(f"Who was Kant?\n{stub}") == ["Who was Kant?", stub]


def test_words_that_begin_examples_may_begin_a_piece_without_any_mark() -> None:
    openings = Openings(["play jazz", "play some rock", "will it rain"])
    assert texts("will it rain play jazz", openings) == ["will it rain", "play jazz"]


def test_a_word_that_two_examples_begin_with_and_few_have_inside_may_begin_a_piece() -> None:
    openings = Openings(["play jazz", "play rock", "will it rain", "sing or play or sing or play"])
    assert openings.begins("play", bare=True) == 0.5
    assert texts("will it rain play jazz", openings) == ["will it rain", "play jazz"]
    assert texts("play jazz will it rain", openings) == ["play jazz will it rain"]
    often = Openings(["play jazz", "play rock", *["do play or play"] * 2])
    assert often.begins("play", bare=True) == 3 / 8
    assert often.may_begin("play")
    assert not Openings(["play jazz", "play rock", *["do play"] * 5]).may_begin("play")


def test_a_word_begins_a_request_as_often_as_it_does_at_a_separator() -> None:
    openings = Openings(["how old is he?", "how far is it?", "tell me how, and tell me when"])
    # `how` stands in the middle of a request, too, but never where one might be cut.
    assert openings.begins("how much is left") == 0.75
    assert openings.begins("how much is left", bare=True) == 0.6
    assert openings.begins("tell me") == openings.begins("tell me", bare=True) == 0.5
    assert openings.begins("never seen") == 0.5


def test_a_word_ends_a_request_as_often_as_it_does_before_a_separator() -> None:
    openings = Openings(["paint the door", "open the door, shut the window"])
    assert openings.ends("close the door") == openings.ends("close the door", bare=True) == 0.5
    assert openings.ends("close the window") == pytest.approx(2 / 3)
    assert openings.ends("") == openings.begins("") == 0


def test_a_preposition_of_another_language_is_no_joint() -> None:
    assert len(cut("escribe una función en Python", NOTHING)) == 1


def test_of_too_many_places_the_weakest_go_first() -> None:
    found = cut("\n\n".join(["one thing, another thing"] * MAX_PIECES), NOTHING)
    assert len(found) == MAX_PIECES
    assert {piece.sign for piece in found[1:]} == {Sign.PARAGRAPH}


STUB = (
    'def lowest(numbers):\n    """Find the lowest number. It may be negative.\n\n'
    'lowest([3, 1]) == 1\nlowest([]) is None, and nothing else.\n    """'
)


@pytest.mark.parametrize("before", ["", "- ", "2) ", "I ask: ", "That was it.\n\n"])
def test_a_program_without_a_fence_is_whole_up_to_the_end_of_its_docstring(before: str) -> None:
    pieces = cut(f"{before}{STUB}\n\nWho wrote Hamlet?", Openings())
    assert sum(STUB in piece.text for piece in pieces) == 1
    assert pieces[-1].text == "Who wrote Hamlet?"


def test_a_fence_stays_with_what_is_to_be_done_with_it() -> None:
    pieces = cut("Say hello. Mend this, please:\n\n```python\nx =\n```\nBye now.", Openings())
    (with_program,) = (piece.text for piece in pieces if "```" in piece.text)
    assert with_program.endswith("please:\n\n```python\nx =\n```")


def test_what_has_options_or_a_program_asks() -> None:
    exam = "The best drug is\nA) one\nB) two\nC) three"
    asks = {piece.text: piece.asks for piece in cut(f"{exam}\n\n{STUB}\n\nBye now.", Openings())}
    assert asks == {exam: True, STUB: True, "Bye now.": False}


def test_of_too_many_sentences_what_ends_a_question_or_begins_a_request_stays() -> None:
    openings = Openings(["play some jazz", "play some rock"])
    told = " ".join(["It was told."] * MAX_PIECES)
    found = texts(f"Is it so? It was told. Play some jazz. {told}", openings)
    assert len(found) == MAX_PIECES
    assert found[:2] == ["Is it so?", "It was told."]
    # Of equally weak places the first ones go.
    assert found[2] == "Play some jazz." + " It was told." * 3


@pytest.mark.parametrize(
    ("between", "stays"), [("\n\n", True), ("\n", True), ("; ", False), (". ", False)]
)
def test_of_too_many_places_the_stronger_ones_stay(between: str, *, stays: bool) -> None:
    told = " ".join(["It was told."] * MAX_PIECES)
    found = texts(f"It was so{between}It is so. {told}")
    assert len(found) == MAX_PIECES
    assert (found[0] == "It was so") == stays


@pytest.mark.parametrize(("length", "pieces"), [(10_000, 2), (10_001, 1)])
def test_a_longer_text_is_a_document_and_not_cut(length: int, pieces: int) -> None:
    assert len(texts("Who was Kant? Say it ".ljust(length, "a"))) == pieces


@pytest.mark.parametrize(("sentences", "pieces"), [(5, 10), (6, 6)])
def test_the_sentences_of_a_story_are_not_cut(sentences: int, pieces: int) -> None:
    assert len(texts(" ".join(["It rained, and they slept."] * sentences))) == pieces


def test_numbers_and_words_of_five_letters_tell_something() -> None:
    assert telling_words("The seven small cats ran 3 km northwards") == {
        "seven",
        "small",
        "3",
        "northw",
    }
    assert telling_words("東京都で") == {"東京", "京都", "都で"}


def test_two_characters_of_a_script_without_spaces_are_a_word() -> None:
    assert [size_of(text) for text in ("a b", "東京都", "a 東京 b", "")] == [2, 1.5, 3, 0]
