"""Where a question is cut, and where it must not be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.planning.splitting.clauses import clauses


def cut(question: str) -> list[str]:
    return [clause.text for clause in clauses(question)]


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (
            "What is one dose? Then write a Python function for it, and say when it is dangerous.",
            [
                "What is one dose?",
                "Then write a Python function for it",
                "say when it is dangerous.",
            ],
        ),
        ("Solve x^2 = 9; explain photosynthesis.", ["Solve x^2 = 9", "explain photosynthesis."]),
        ("- Convert 5 km to miles\n- Write a haiku", ["Convert 5 km to miles", "Write a haiku"]),
        ("1. What is CRP?\n2. Plot a sine.", ["What is CRP?", "Plot a sine."]),
        ("How far is it and who was first?", ["How far is it", "who was first?"]),
        (
            "Translate 'hello' to French, and then also compute 3 * 4.",
            ["Translate 'hello' to French", "compute 3 * 4."],
        ),
        (
            "I need to book a table, then invite Ann, and finally print the menu.",
            ["I need to book a table", "invite Ann", "print the menu."],
        ),
        (
            "Can you find a quiet hotel and also recommend some music?",
            ["Can you find a quiet hotel", "recommend some music?"],
        ),
        (
            "Make a film by drawing a cat, and then adding the sound.",
            ["Make a film by drawing a cat", "adding the sound."],
        ),
        (
            "Do these tasks: 1. Call my mother. 2. Print the letter.",
            ["Do these tasks: Call my mother.", "Print the letter."],
        ),
        (
            "I have a file. I would like to shorten it and want to send it to Bob.",
            ["I have a file. I would like to shorten it", "want to send it to Bob."],
        ),
        (
            "Download the song. After that, I'd like to hear it.",
            ["Download the song.", "After that, I'd like to hear it."],
        ),
        (
            '"What is the news? Also, suggest a course."',
            ["What is the news?", "Also, suggest a course."],
        ),
        ("Fetch the page and flurb the text", ["Fetch the page", "flurb the text"]),
        (
            "Send the parcel to the office and check the weather",
            ["Send the parcel to the office", "check the weather"],
        ),
        (
            "Check the domain and tell me what you find. Then draw a logo.",
            ["Check the domain and tell me what you find.", "Then draw a logo."],
        ),
    ],
)
def test_requests_are_cut_apart(question: str, parts: list[str]) -> None:
    assert cut(question) == parts


@pytest.mark.parametrize(
    "question",
    [
        "Tom has 3 apples. He buys 5 more and eats 2. How many are left?",
        "I tried dict.update. It changed the first dict. How do I merge two dicts?",
        "Write a function that reads a file and returns its lines.",
        "What are the pros and cons of tea?",
        "Is it safe to mix bleach and ammonia?",
        "What does this mean?\n```\nfor x in y:\n    print(x)\n\nWhat is it?\n```",
        'Translate "Go home and write a letter. What is it?" into German.',
        "Explain, e.g. with a picture, how a lever works",
        "Dr. Smith gave me 5 mg. Is that too much?",
        "hello",
        "Write a function to find the largest number and return the rest.",
        "I need a tool that can track my expenses and create a budget.",
        "I want to see a match. Can you help me with that?",
        "I want to travel. Can you recommend a country?",
        "Can you recommend an engineer? I need someone with experience.",
        "Check the domain and tell me what you find.",
        "Find and book a hotel near the sea",
        "Answer the following question. When did people first walk on the moon?",
        "Can you explain what a stack is and how it grows?",
        "Tom works hard. Which of the following is true? Find the pair.",
        "Find it in the file named 'Call Bob. Then write a letter, and print it.'",
        "Tell me about the match in Sydney, Australia that he saw (and find the time).",
        'def f(x):\n    """Return x. Then print it."""',
        "what is \ue0007\ue001",
    ],
)
def test_a_single_task_stays_whole(question: str) -> None:
    assert cut(question) == [question]


@given(st.text(max_size=300))
def test_any_text_is_cut_into_pieces_of_itself(question: str) -> None:
    found = clauses(question)
    assert all(clause.text for clause in found)
    if question.strip() and not found:
        raise AssertionError("a text that is not empty has at least one clause")


@pytest.mark.parametrize(
    "unit",
    [
        "and ",
        "(",
        " ",
        "\n",
        "'",
        " 'a",
        "“",
        "then ",
        "also ",
        "What? ",
        "e.g. A ",
        "and do a ",
        '"',
    ],
)
def test_hostile_text_is_cut_in_linear_time(unit: str) -> None:
    # Anything worse than linear would not end within the time of the test run.
    for length in (9_900, 100_000):
        text = (unit * length)[:length]
        assert "".join("".join(cut(text)).split()).startswith(text.strip()[:1])
