"""The calculation that a model writes, and what computing it gives. JSON both ways.

Few, flat fields: a 1.5B model fills these reliably, and each field more costs it accuracy.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Operation = Literal[
    "evaluate",
    "solve",
    "differentiate",
    "gradient",
    "integrate",
    "simplify",
    "factor",
    "expand",
    "limit",
    "series",
    "convert",
    "dimensions",
    "statistics",
    "plot",
]

MAX_STEPS = 12  # that a grammar lets a model write
MAX_READ_STEPS = 40
_LEFT_SIDE = r"[^\W\d]\w*|[fghFG]\(\w\)"  # a name, or f(x), which is no call of a function
_NUMERAL = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
_UNIT = re.compile(r"(?<=\d)\s*[A-Za-zµμ°]+(?:\s*/\s*[A-Za-zµμ]+)*(?![\w(])")
# Which of the prime factors a question asks for, where it asks for one.
_ONE_FACTOR = {
    "max": re.compile(
        r"\b(?:largest|biggest|greatest|highest) prime (?:factor|divisor)|größte[rn]? primfaktor|"
        r"plus grand facteur premier|mayor factor primo|maggior fattore primo",
        re.IGNORECASE,
    ),
    "min": re.compile(
        r"\b(?:smallest|lowest|least) prime (?:factor|divisor)|kleinste[rn]? primfaktor|"
        r"plus petit facteur premier|menor factor primo|minor fattore primo",
        re.IGNORECASE,
    ),
}
_NAME = r"^[a-z][a-z0-9_]{0,30}$"


def _as_name(written: object) -> object:
    if not isinstance(written, str):
        return written
    return re.sub(r"\W+", "_", written.strip().lower()).strip("_") or "result"


# The pattern is for the grammar that holds the model; what comes from elsewhere is made to fit.
Name = Annotated[str, BeforeValidator(_as_name), Field(json_schema_extra={"pattern": _NAME})]


class _Frozen(BaseModel):
    # All fields are "required" in the schema: a grammar that lets a small model leave a field
    # out makes it leave out the wrong one.
    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class Assignment(_Frozen):
    """One step: a name for the value of an expression."""

    name: Name = "result"
    expression: str

    @property
    def term(self) -> str:
        """What is to be computed: ``15 * 70`` of ``dose = 15 * 70 = 1050``."""
        parts = [part.strip() for part in re.split("=+", self.expression)]
        named = len(parts) > 1 and re.fullmatch(_LEFT_SIDE, parts[0])
        # `(1/2)^{24/8}` is LaTeX.
        return (parts[1] if named else parts[0]).replace("^{", "^(").replace("}", ")")


class Program(_Frozen):
    """A calculation.

    Attributes:
        steps: assignments; later ones may use the names of earlier ones, the last is the result.
            The steps of `solve` are its equations, and assignments of what they use.
        variable: what is solved for, differentiated or integrated by; several with commas.
        to: the point of a limit; `lower, upper` of a definite integral.
        unit: of the result, or what is converted to.
    """

    operation: Operation
    steps: Annotated[tuple[Assignment, ...], Field(max_length=MAX_READ_STEPS)]
    variable: str = ""
    to: str = ""
    unit: str = ""

    def as_meant(self, question: str) -> Program:
        """`solve` with neither equation nor unknown is arithmetic: small models mix these up.

        They take the largest prime factor for all of them, too.
        """
        asked = [name for name, words in _ONE_FACTOR.items() if words.search(question)]
        if self.operation == "factor" and len(self.steps) == len(asked) == 1:
            step = self.steps[0]
            one = step.model_copy(update={"expression": f"{asked[0]}(factorint({step.term}))"})
            return self.model_copy(update={"operation": "evaluate", "steps": (one,)})
        expressions = [step.expression for step in self.steps]
        if self.operation != "solve" or any("=" in text for text in expressions):
            return self
        known = {step.name for step in self.steps}
        unknown = set(re.findall(r"[^\W\d]\w*", " ".join(expressions))) - known
        return self if unknown else self.model_copy(update={"operation": "evaluate"})

    def with_unit(self, unit: str) -> Program:
        """The same, in the unit that was asked for where the model named none."""
        missing = self.operation == "evaluate" and not self.unit.strip()
        return self.model_copy(update={"unit": unit}) if missing and unit else self

    @property
    def leads_somewhere(self) -> bool:
        """Whether the last step of an arithmetic program uses one before it, as an answer does."""
        *before, last = self.steps or (Assignment(expression=""),)
        used = set(re.findall(r"\w+", last.expression))
        return self.operation != "evaluate" or not before or any(s.name in used for s in before)

    def without_units(self) -> Program | None:
        """The same with plain numbers, where only some of its numbers have units; else None.

        Small models write `15 mg/kg * 70`, which cannot be in `mg`, although its value is right.
        Where every number has a unit, the units say what was meant, and a mismatch is an error.
        """
        text = "; ".join(step.expression for step in self.steps)
        united = len(_UNIT.findall(text))
        if self.operation != "evaluate" or not 0 < united < len(_NUMERAL.findall(text)):
            return None
        plain = tuple(
            step.model_copy(update={"expression": _UNIT.sub("", step.expression)})
            for step in self.steps
        )
        return self.model_copy(update={"steps": plain})


class Computed(_Frozen):
    """A result.

    Attributes:
        text: for people: ``1/3 ≈ 0.3333``, ``x = 2 or x = 3``, ``1050 mg``.
        exact: in the notation that expressions are read in, where it has one.
        approx: as a decimal number; empty where there is none.
    """

    text: str
    exact: str
    approx: str = ""


class Reply(_Frozen):
    """What the worker answers to a program: one result a step, or why there is none."""

    results: tuple[Computed, ...] = ()
    error: str = ""
    hint: str = ""
