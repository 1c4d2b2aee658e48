"""What sorts of answers there are, and what the right one is.

An `AnswerKind` says how an answer is found in a text and when two are the same; a `Gold` is a kind
that also knows the right answer, so it stands wherever a kind does. Both are JSON both ways:

    {"kind": "number", "value": 1050, "unit": "mg"}
    {"kind": "label", "value": "B", "labels": ["A", "B", "C"], "options": ["iron", "zinc", "tin"]}
    {"kind": "code", "tests": ["assert double(2) == 4"], "entry_point": "double"}
    {"kind": "text", "value": ["Wolfgang Amadeus Mozart", "Mozart"]}
    {"kind": "contains", "value": ["generator", ["lazy", "one by one"]], "without": ["list"]}
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _several(value: object) -> object:
    """One text where a list may stand."""
    return (value,) if isinstance(value, str) else value


_Either = Annotated[tuple[_Words, ...], BeforeValidator(_several), Field(min_length=1)]


def _exact(value: object) -> object:
    """A number or a fraction such as `7/18`, as text: JSON has no fractions."""
    text = str(value).strip() if isinstance(value, int | float | str) else ""
    if isinstance(value, bool):
        raise ValueError("should be a number")
    try:
        Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError("should be a number, or a fraction such as '7/18'") from None
    return text


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Number(_Value):
    """One number, which may have a unit.

    Attributes:
        unit: what it is counted in. A number that comes without a unit is taken in this one, and
            one that comes in another is converted.
        convertible: whether another unit is as good. It is not where the question is to convert.
        tolerance: the relative difference that is still the same. 0: whole numbers must be
            equal, others agree to nine digits.
    """

    kind: Literal["number"] = "number"
    unit: str = ""
    convertible: bool = True
    tolerance: float = Field(0.0, ge=0, lt=1)


class Label(_Value):
    """One of several labels, such as the letters of a choice, or yes and no.

    Attributes:
        options: the text that each label stands for, in their order; none if a label says all.
    """

    kind: Literal["label"] = "label"
    labels: tuple[_Words, ...] = Field(("A", "B", "C", "D"), min_length=2)
    options: tuple[_Words, ...] = ()

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if len({label.casefold() for label in self.labels}) < len(self.labels):
            raise ValueError("labels should differ")
        if self.options and len(self.options) != len(self.labels):
            raise ValueError(f"{len(self.labels)} labels need {len(self.labels)} options")
        return self


class Code(_Value):
    """A Python program.

    Attributes:
        entry_point: the function or class that it must define; any where it is empty.
    """

    kind: Literal["code"] = "code"
    entry_point: str = ""


class Text(_Value):
    """A short string: a name, a word, a date."""

    kind: Literal["text"] = "text"


class Contains(_Value):
    """Free text that is judged by what it says; all of it is the answer."""

    kind: Literal["contains"] = "contains"


class NumberGold(Number):
    """The right number.

    Attributes:
        value: in `unit`; a fraction may be written as `7/18`.
    """

    value: Annotated[str, BeforeValidator(_exact)]


class LabelGold(Label):
    """The right label."""

    value: _Words

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.value not in self.labels:
            raise ValueError(f"value {self.value!r} is none of the labels {', '.join(self.labels)}")
        return self


class CodeGold(Code):
    """What a right program does.

    Attributes:
        tests: statements such as `assert double(2) == 4`; each must run to its end.
    """

    tests: Annotated[tuple[_Words, ...], BeforeValidator(_several), Field(min_length=1)]


class TextGold(Text):
    """The right string.

    Attributes:
        value: the ways to write it, each of which is right.
    """

    value: _Either


class ContainsGold(Contains):
    """What a right text says.

    Attributes:
        value: all of these must stand in it, as whole words; of a list, one.
        without: none of these may, such as the likely wrong answers.
    """

    value: tuple[_Either, ...] = Field(min_length=1)
    without: tuple[_Words, ...] = ()


AnswerKind = Annotated[Number | Label | Code | Text | Contains, Field(discriminator="kind")]
Gold = Annotated[
    NumberGold | LabelGold | CodeGold | TextGold | ContainsGold, Field(discriminator="kind")
]
