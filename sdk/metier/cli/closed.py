"""Closed questions on a terminal: a letter alone says little."""

from __future__ import annotations

from metier.grading.choices import choices_in
from metier.grading.labels import label_in


def option_left_out(question: str, answer: str) -> str | None:
    """Return the option that an answer chose by its letter alone, such as `B) zinc`.

    None for an open question, or if the answer chooses none or several, or names the option itself.
    """
    choices = choices_in(question)
    if choices is None or not choices.options:
        return None
    label = label_in(answer, choices.kind)
    if label not in choices.labels:
        return None
    number = choices.labels.index(label)
    said = choices.options[number].casefold() in answer.casefold()
    return None if said else choices.shown(number)
