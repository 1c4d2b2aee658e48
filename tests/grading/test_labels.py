"""The label that a text gives, and the texts that give none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.grading import Label, extracted, same

LETTERS = Label()
METALS = Label(labels=("A", "B", "C"), options=("iron", "zinc", "zinc oxide"))
YES = Label(labels=("yes", "no", "maybe"))
MOOD = Label(labels=("positive", "negative"))
SIGNS = Label(labels=("A", "B"), options=("↑ ↑", "N. gonorrhea"))
LISTED = "A. iron\nB. zinc\nC. zinc oxide"


@pytest.mark.parametrize(
    ("text", "kind", "label"),
    [
        ("C", LETTERS, "C"),
        ("c)", LETTERS, "C"),
        ("**C**", LETTERS, "C"),
        ("The answer is (C).", LETTERS, "C"),
        ("The correct option is C because it lasts.", LETTERS, "C"),
        ("Correct answer: d", LETTERS, "D"),
        (r"\boxed{D}", LETTERS, "D"),
        (r"$\boxed{\text{D}}$", LETTERS, "D"),
        ("#### A", LETTERS, "A"),
        ("### Answer\nB", LETTERS, "B"),
        ("Option B is correct.", LETTERS, "B"),
        ("So B is the best answer. A is wrong.", LETTERS, "B"),
        ("(B) is incorrect. (C) fits.", LETTERS, "C"),
        ("C\n\nA is wrong, and (B) is wrong too.", LETTERS, "C"),
        ("I thought of A.\nAnswer: B\nNo, wait.\nAnswer: C", LETTERS, "C"),
        (f"{LISTED}\nThe answer is B", METALS, "B"),
        ("It is zinc.", METALS, "B"),
        ("It is zinc oxide.", METALS, "C"),
        ("It is not iron. It is zinc.", METALS, "B"),
        ("B) zinc", METALS, "B"),
        ("It is N. gonorrhea.", SIGNS, "B"),
        ("The answer is iron.", METALS, "A"),
        ("Yes, because it is.", YES, "yes"),
        ("No.", YES, "no"),
        ("**No**, they must not be combined.", YES, "no"),
        ("Final answer: **no** - it is dangerous", YES, "no"),
        ("Yes or no?\nNo.", YES, "no"),
        ("Maybe.", YES, "maybe"),
        ("I am not sure enough: the likeliest choice is no, with 42%.", YES, "no"),
        ("The most likely answer is C.", LETTERS, "C"),
        ("The sentiment is positive.", MOOD, "positive"),
        ("It is not positive. It is negative.", MOOD, "negative"),
        ("It is negative, not positive.", MOOD, "negative"),
        ("It isn't positive; it is negative.", MOOD, "negative"),
        ("It is zinc rather than iron.", METALS, "B"),
        ("Option B is right, option A is wrong.", LETTERS, "B"),
    ],
)
def test_a_label_is_read(text: str, kind: Label, label: str) -> None:
    assert extracted(text, kind) == label


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", LETTERS),
        ("A, B, C and D", LETTERS),
        ("A/B", LETTERS),
        ("The answer is A or B.", LETTERS),
        ("Answer: (A) and (C)", LETTERS),
        ("The answer is not B.", LETTERS),
        ("A patient has fever.", LETTERS),
        ("Answer: A patient with fever should rest.", LETTERS),
        ("It's B-cells.", LETTERS),
        ("E", LETTERS),
        (LISTED, METALS),
        ("iron or zinc", METALS),
        ("It is not zinc.", METALS),
        ("Zinc is wrong.", METALS),
        ("↓ ↑", SIGNS),
        ("Option B can be ruled out.", LETTERS),
        ("Neither (A) nor (B).", LETTERS),
        ("It is not true that B is correct.", LETTERS),
        ("Yes and no.", YES),
        ("yes, no, maybe", YES),
        ("Yes.\nNo.", YES),
        ("There is no cure.", YES),
        ("No evidence supports it.", YES),
        ("positive, negative", MOOD),
        ("Not positive.", MOOD),
    ],
)
def test_who_names_none_or_several_has_not_chosen(text: str, kind: Label) -> None:
    assert extracted(text, kind) is None


@given(st.permutations(METALS.labels), st.sampled_from([", ", " or ", " and ", "/", "; "]))
def test_all_labels_are_no_answer(labels: list[str], between: str) -> None:
    listed = between.join(labels)
    for text in (listed, f"The answer is {listed}.", f"Answer: {listed}", f"**{listed}**"):
        assert extracted(text, METALS) is None


@given(
    before=st.text(st.characters(codec="utf-8", exclude_characters="`\\$"), max_size=200),
    label=st.sampled_from(LETTERS.labels),
    announced=st.sampled_from(["Answer: {}", "The answer is ({}).", r"\boxed{{{}}}"]),
)
def test_what_stands_before_the_answer_changes_nothing(
    before: str, label: str, announced: str
) -> None:
    assert extracted(f"{before}\n\n{announced.format(label)}", LETTERS) == label


@given(st.one_of(st.text("ABCabc().,/ onr\nyes", max_size=40), st.text(max_size=300)))
def test_extracting_twice_is_extracting_once(text: str) -> None:
    for kind in (LETTERS, METALS, YES):
        once = extracted(text, kind)
        assert once is None or extracted(once, kind) == once


def test_labels_are_compared_whatever_is_around_them() -> None:
    assert same("The answer is (B).", "**B** zinc", METALS)
    assert not same("B", "A or B", METALS)
    assert not same("A or B", "A or B", METALS)
