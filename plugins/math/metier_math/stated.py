"""A question that states its calculation in full: read here, and computed without a model.

`What is 347 * 29?`, `12.5% of 840`, `multiply 58 by 416`, `Solve 4x - 9 = 15.`, `9x - 4 = 6x + 17`,
`derivative of x^3 + 2x`, `integral of x^2 from 0 to 2`, `average of 17, 22 and 30`. All of the text
has to be the calculation and the words that ask for it: with one word more, a model reads it.
"""

from __future__ import annotations

import re

from metier.experts.expert import Task
from metier_math.conversions import PLEASE
from metier_math.program import Assignment, Operation, Program

_MAX_CHARS = 200
_ASKED = re.compile(
    r"^[¿¡]?\s*(?:(?:please|pls|can you|could you|now|bitte|per favore|por favor),? )?"
    r"(?:(?:what(?:['’]?s| is| are| do i get if i)|how much is|calculate|compute|evaluate|"
    r"work out|find|give me|tell me|determine|"
    r"was (?:ist|sind|ergibt|macht)|wie ?viel (?:ist|sind|ergibt|macht)|"
    r"berechne|rechne|bestimme|(?:combien|que) (?:font|fait|vaut)|calcule[rz]?|quelle est|"
    r"cu[aá]nto (?:es|son|da)|calcula|halla|quanto (?:fa|fanno|è|é|dá)|calcola|trova|encontre) )?"
    r"(?:(?:the|die|der|das|la|le|el|il) |l['’])?",
    re.IGNORECASE,
)
_PLEASE = re.compile(rf"(?:,? (?:{PLEASE}|as a fraction)){{1,2}}$", re.IGNORECASE)
_ENDS = " =?."
_ABROAD = re.compile(
    r"\b(?:was|wie|berechne|rechne|bestimme|bitte|von|mal|combien|que|calcule[rz]?|quelle|de|fois|"
    r"cu[aá]nto|calcula|halla|por|quanto|calcola|trova|di|per|encontre|löse|résou\w+|resuelve|"
    r"risolvi|resolva)\b",
    re.IGNORECASE,
)
_WORDS = tuple(
    (re.compile(rf"(?<=[\d)%\s])\s?(?:{words})\s?(?=[\d(√]|sqrt)", re.IGNORECASE), sign)
    for words, sign in (
        (r"\b(?:divided by|geteilt durch|divisé par|dividido por|diviso)\b", " / "),
        # In English "12 per 4" is no product, so an Italian one goes to the model.
        (r"\b(?:multiplied by|times|mal|fois|por|vezes)\b|(?<=\d\s)x", " * "),
        (r"\b(?:plus|más|mais|più)\b", " + "),
        (r"\b(?:minus|moins|menos|meno)\b", " - "),
        (r"\b(?:to the power of|hoch)\b", "^"),
        (r"%\s?(?:of|von|de|di|d['’])|\b(?:percent|per cent|prozent) (?:of|von)\b", "% * "),
    )
)
_NUMBER = r"\d{1,15}(?:\.\d{1,15})?"
_NUMBERS = rf"(?:{_NUMBER}(?:, (?:and )?| and |,(?! ))){{1,50}}{_NUMBER}"
_ORDERS = tuple(
    (re.compile(words, re.IGNORECASE), expression)
    for words, expression in (
        (rf"multiply {_NUMBER} (?:by|with|and) {_NUMBER}", "{0} * {1}"),
        (rf"divide {_NUMBER} by {_NUMBER}", "{0} / {1}"),
        (rf"add {_NUMBER} (?:and|to) {_NUMBER}", "{0} + {1}"),
        (rf"subtract {_NUMBER} from {_NUMBER}", "{1} - {0}"),
        (rf"(?:average|mean) of {_NUMBERS}", "mean({all})"),
        (rf"median of {_NUMBERS}", "median({all})"),
        (
            rf"(?:gcd|greatest common divisor|(?:highest|greatest) common factor) of {_NUMBERS}",
            "gcd({all})",
        ),
        (rf"(?:lcm|(?:least|lowest) common multiple) of {_NUMBERS}", "lcm({all})"),
    )
)
_FUNCTION = r"(?:sqrt|arcsin|arccos|arctan|sin|cos|tan|exp|ln)(?=\s*\()"
_TERM = rf"(?>{_NUMBER}|{_FUNCTION}|pi(?![a-z])|[a-z](?![a-z])|[-−–+*×·⋅/÷^()²³√%π\s])"
_EXPRESSION = re.compile(rf"{_TERM}{{1,120}}", re.IGNORECASE)
_EULER = re.compile(r"(?<![a-z])e(?=\s*\^)")
_VARIABLE = re.compile(r"(?<![a-z])[a-z](?![a-z])", re.IGNORECASE)
_OPERATES = re.compile(r"[\d)²³π%]\s*[-−–+*×·⋅/÷^%]\s*[\d(√.]|\bsqrt\(|√|[²³]")
_OTHER_NAME = re.compile(r"(?<![a-z])(?!(?:sqrt|pi)(?![a-z]))[a-z]", re.IGNORECASE)
# A date, a telephone number, odds; and `200 + 10%`, which means one thing or another.
_NO_SUM = re.compile(r"^\d+(?:[-−–/.]\d+)+$|%(?! \*)")
_COMMA = re.compile(r"(?<![\d,])\d[\d,]{0,40},\d{1,15}")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_POINTED = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{3})+(?!\d)")
_DECIMAL = re.compile(r"(?<!\d)\d{1,15},\d{1,2}")

_TRIVIAL = re.compile(r"\s?(?:[a-z]\s?=[^a-z]{0,40}|[^a-z]{0,40}=\s?[a-z])\s?", re.IGNORECASE)

_SOLVE = r"(?:solve|löse|résous|résoudre|resuelve|risolvi|resolva)"
_IF = r"(?:if|when|where|wenn|si|se)"
_FOR = r"(?:for|nach|pour|para|per)"
_FUNCTION_OF = r"(?:(?:f\([a-z]\)|y) ?= ?)?"
# "the graph of the function"
_DRAWN = (
    r"(?:(?:the|den|die|la|le|el|il|a|graph|graphen|curve|kurve|gráfica|grafico|courbe|curva|"
    r"of|der|von|de|della|function|funktion|fonction|función|funzione|line|parabola) ){0,6}"
)
_BY = r"(?: (?:with respect to|by|nach) (?P<by>[a-z]))?"
_FORMS: tuple[tuple[Operation, re.Pattern[str]], ...] = tuple(
    (operation, re.compile(pattern, re.IGNORECASE))
    for operation, pattern in (
        ("solve", rf"(?:{_SOLVE} )?(?P<text>[^=]{{1,120}}=.{{1,120}}?)(?: {_FOR} (?P<by>[a-z]))?"),
        ("solve", rf"(?:{_SOLVE} )?(?P<by>[a-z]) {_IF} (?P<text>[^=]{{1,120}}=.{{1,120}})"),
        (
            "differentiate",
            r"(?:(?:first )?derivative of|slope of|differentiate|d/dx|ableitung von|dérivée de|"
            rf"derivada de|derivata di) {_FUNCTION_OF}(?P<text>.{{1,120}}?){_BY}"
            r"(?: at (?:[a-z] ?= ?)?(?P<low>[^\s=]{1,20}))?",
        ),
        (
            "integrate",
            r"(?:(?:(?:in)?definite )?integral of|integrate|antiderivative of|integral von|"
            r"stammfunktion von|intégrale de|integral de|integrale di) "
            rf"{_FUNCTION_OF}(?P<text>.{{1,120}}?)(?: ?d(?P<by>[a-z]))?"
            r"(?:,? (?:from|between|von|de|da) (?P<low>\S{1,20}) (?:to|and|bis|à|a) "
            r"(?P<high>\S{1,20}))?",
        ),
        (
            "limit",
            r"(?:limit of |what does )?(?P<text>.{1,120}?) (?:approach )?as (?P<by>[a-z]) ?"
            r"(?:approaches|goes to|tends to|->|→) ?(?P<low>\S{1,20})",
        ),
        (
            "plot",
            r"(?:plot|draw|graph|sketch|zeichne|skizziere|plotte|trace|tracer|dessine|dibuja|"
            rf"grafica|disegna|traccia) {_DRAWN}"
            rf"{_FUNCTION_OF}(?P<text>.{{1,120}}?)(?: (?:for|für|pour|para|per) (?P<by>[a-z]))?"
            r"(?:,? (?:from|between|von|de|da|entre|tra|zwischen) (?P<low>\S{1,20}) "
            r"(?:to|and|bis|und|à|et|a|y|e) (?P<high>\S{1,20}))?",
        ),
        ("factor", r"(?:factor|factori[sz]e) (?P<text>.{1,120})"),
        ("expand", r"(?:expand|multiply out) (?P<text>.{1,120})"),
        (
            "simplify",
            r"(?:simplify|vereinfache|simplifie|simplifica|semplifica) (?P<text>.{1,120})",
        ),
    )
)


def stated_in(task: Task) -> Program | None:
    """The calculation that a task states in full; None if it says anything else."""
    text = " ".join(task.text.split())
    if len(text) > _MAX_CHARS or not any(char.isdigit() or char in "=^(" for char in text):
        return None
    text = _with_points(
        _PLEASE.sub("", text.rstrip(_ENDS)).rstrip(_ENDS),
        is_abroad=_ABROAD.search(text) is not None,
    )
    text = _ASKED.sub("", text, count=1)
    return _ordered(text) or _arithmetic(text) or _symbolic(text)


def _with_points(text: str, *, is_abroad: bool) -> str:
    """Decimal commas as points, and no separators of thousands.

    Empty if a point may be either, and with its commas if they may be.
    """
    commas = _COMMA.findall(text)
    if is_abroad and _POINTED.search(text):
        return ""
    if not is_abroad and all(map(_THOUSANDS.fullmatch, commas)):
        return _COMMA.sub(lambda match: match[0].replace(",", ""), text)
    if is_abroad and all(map(_DECIMAL.fullmatch, commas)):
        return _COMMA.sub(lambda match: match[0].replace(",", "."), text)
    return text


def _ordered(text: str) -> Program | None:
    for words, expression in _ORDERS:
        if words.fullmatch(text):
            numbers = re.findall(_NUMBER, text)
            return _evaluating(expression.format(*numbers, all=", ".join(numbers)))
    return None


def _arithmetic(text: str) -> Program | None:
    for words, sign in _WORDS:
        text = words.sub(sign, text)
    is_one = _EXPRESSION.fullmatch(text) and not _OTHER_NAME.search(text)
    if not is_one or not _OPERATES.search(text) or _NO_SUM.search(text):
        return None
    return _evaluating(text.replace("% * ", "% of "))


def _evaluating(expression: str) -> Program:
    return Program(operation="evaluate", steps=(Assignment(name="answer", expression=expression),))


def _symbolic(text: str) -> Program | None:
    for operation, pattern in _FORMS:
        if (found := pattern.fullmatch(text)) is None:
            continue
        groups = found.groupdict()
        parts = _equations(found["text"]) if operation == "solve" else [found["text"]]
        bounds = [bound for bound in (groups.get("low"), groups.get("high")) if bound]
        variables = _variables([*parts, *bounds])
        if not variables or len(variables) != len(parts) or not _is_by(groups, variables):
            continue
        steps = tuple(Assignment(name="answer", expression=part) for part in parts)
        return Program(
            operation=operation,
            steps=steps,
            variable=", ".join(sorted(variables)),
            to=", ".join(bounds),
        )
    return None


def _equations(text: str) -> list[str]:
    """`p + q = 20, 3p - 2q = 5`, each by itself."""
    return re.split(r", and |, |; ?| and ", text)


def _is_by(groups: dict[str, str | None], variables: set[str]) -> bool:
    by = groups.get("by")
    return by is None or by in variables


def _variables(parts: list[str]) -> set[str] | None:
    """The letters of expressions and equations; None if there is anything else in one."""
    for part in parts:
        sides = part.split("=")
        if len(sides) > 2 or not all(_EXPRESSION.fullmatch(side) for side in sides):
            return None
        if not all(side.strip() for side in sides) or _TRIVIAL.fullmatch(part):
            return None
    names = set(_VARIABLE.findall(_EULER.sub("2", " ".join(parts))))
    return None if names & {"e", "E", "i", "I"} else names
