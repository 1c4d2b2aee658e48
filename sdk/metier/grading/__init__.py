"""Judging answers: what a text answers, whether two answers agree, whether one is right."""

from metier.grading.choices import Choices, choices_in
from metier.grading.judging import Outcome, Verdict, extracted, is_right, same
from metier.grading.kinds import (
    AnswerKind,
    Code,
    CodeGold,
    Contains,
    ContainsGold,
    Gold,
    Label,
    LabelGold,
    Number,
    NumberGold,
    Text,
    TextGold,
)

__all__ = [
    "AnswerKind",
    "Choices",
    "Code",
    "CodeGold",
    "Contains",
    "ContainsGold",
    "Gold",
    "Label",
    "LabelGold",
    "Number",
    "NumberGold",
    "Outcome",
    "Text",
    "TextGold",
    "Verdict",
    "choices_in",
    "extracted",
    "is_right",
    "same",
]
