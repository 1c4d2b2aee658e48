"""What people and models write, in Python's notation: `5!`, `15% of 80`, `2x`, `√2`, `10 m/s²`.

Only text is rewritten here; what the text may contain is decided in `expressions`.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection

from metier.errors import InvalidInput

MAX_CHARS = 500

# Atomic, or the 1e5 before nothing would be given back as the 1 before a name `e5`.
NUMBER = r"(?>(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
_ALONE = rf"(?<![\w.])({NUMBER})"  # not the 2 of `log2` or of `x2`
_NAME = r"[^\W\d_]\w*"

_SIGNS = str.maketrans(
    {
        "^": "**",
        "×": "*",
        "·": "*",
        "⋅": "*",
        "÷": "/",
        "⁄": "/",
        "−": "-",
        "–": "-",
        "²": "**2",
        "³": "**3",
        "π": "pi",
        "∞": "oo",
        "$": None,
        "€": None,
        "£": None,
    }
)
_WORDS = (
    (re.compile(r"(?:Δ|\bdelta)\s*+°?\s*+([CF])\b"), r" delta_deg\1"),
    (re.compile(r"°\s*([CF])\b"), r" deg\1"),
    (re.compile(rf"{_ALONE}\s*(?:°|degrees?\b)"), r"(\1*pi/180)"),
    (re.compile(rf"√\s*({NUMBER}|{_NAME})"), r"sqrt(\1)"),
    (re.compile(r"√"), "sqrt"),
    (re.compile(rf"(?<![\w.])(\d+|{_NAME})!"), r"factorial(\1)"),
    (re.compile(r"\bpercent\b"), "%"),
    (re.compile(r"\bof\b"), "*"),
    (re.compile(r"\bper\b"), "/"),
    (re.compile(r"\bmod\b(?!\s*\()"), "%"),
    (re.compile(rf"\bsquare\s+({_NAME})"), r"\1**2"),
    (re.compile(rf"\bcubic\s+({_NAME})"), r"\1**3"),
    # A percent sign before a number, a name or a bracket is the modulo.
    (re.compile(rf"{_ALONE}\s*%(?!\s*[\w(.])"), r"(\1/100)"),
)
_BARS = re.compile(r"\|([^|]+)\|")
_SEPARATED = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_FACTOR = re.compile(rf"{_ALONE}\s*(?=[^\W\d_]|\()")
_QUANTITY = re.compile(rf"{_ALONE}\s*({_NAME})(\*\*-?\d+)?(?!\w|\s*\()")
_TOGETHER = re.compile(rf"\({NUMBER}\*{_NAME}\)(?:\s+\({NUMBER}\*{_NAME}\))+")
_NEXT = re.compile(r"\)\s+\(")
_REFUSED = re.compile(r"[^\w\s+\-*/%().,\[\]]")


def python_notation(text: str, *, units_except: Collection[str] | None = None) -> str:
    """The text as an expression that Python's parser reads.

    Args:
        text: an expression, no equation.
        units_except: where given, a name after a number is a unit and binds to it before
            anything else, so that `100 km / 2 h` is a speed, and `5 ft 11 in` is a sum; but not
            these names.

    Raises:
        InvalidInput: it is empty or too long, or has a character that no expression has.
    """
    written = text.strip().rstrip("=").translate(_SIGNS)
    if not written:
        raise InvalidInput("the expression is empty")
    if len(written) > MAX_CHARS:
        raise InvalidInput(f"an expression may have {MAX_CHARS} characters, not {len(written)}")
    written = _BARS.sub(r"abs(\1)", written)
    for pattern, replacement in _WORDS:
        written = pattern.sub(replacement, written)
    written = _SEPARATED.sub(lambda match: _joined(match, written), written)
    if units_except is not None:
        written = _QUANTITY.sub(lambda match: _quantity(match, units_except), written)
        written = _TOGETHER.sub(lambda match: f"({_NEXT.sub(')+(', match[0])})", written)
    written = _FACTOR.sub(r"\1*", written)
    if refused := _REFUSED.search(written):
        raise InvalidInput(f"{refused[0]!r} is not allowed in an expression: {text!r}")
    return re.sub(rf"\b{_NAME}", lambda match: python_name(match[0]), written)


def python_name(name: str) -> str:
    """A name that Python's parser takes for one: `lambda_` for `lambda`."""
    return f"{name}_" if keyword.iskeyword(name) else name


def plain_name(name: str) -> str:
    """The name that was written, from the one that `python_name` made of it."""
    plain = name.removesuffix("_")
    return plain if keyword.iskeyword(plain) else name


def _joined(match: re.Match[str], text: str) -> str:
    """`1250` for `1,250`, but not between brackets, where a comma parts arguments."""
    before = text[: match.start()]
    opened = before.count("(") + before.count("[") - before.count(")") - before.count("]")
    return match[0] if opened else match[0].replace(",", "")


def _quantity(match: re.Match[str], names: Collection[str]) -> str:
    number, name, power = match.groups()
    return match[0] if name in names else f"({number}*{name}{power or ''})"
