"""A SymPy value as people read it: exact, and as a decimal number where that differs."""

from __future__ import annotations

from decimal import Context, Decimal

import sympy
from sympy import (
    CRootOf,
    Expr,
    Float,
    Integer,
    LambertW,
    Number,
    Piecewise,
    Rational,
    Tuple,
)
from sympy.printing.str import StrPrinter

from metier.errors import InvalidInput
from metier_math.program import Computed
from metier_math.values import Value

MAX_RESULT_CHARS = 5_000
_MAX_EXACT_CHARS = 40
_MAX_DENOMINATOR = 10_000
_HUGE = 10**1000
_MAX_DECIMALS = 10
_PLACES = 4
_DIGITS = 15
_MIN_BITS = 5


class _Printer(StrPrinter):
    """SymPy's own notation but for the names that `expressions.read` knows otherwise."""

    def _print_Exp1(self, expr: Expr) -> str:  # noqa: N802  # SymPy calls it so
        return "e"

    def _print_ImaginaryUnit(self, expr: Expr) -> str:  # noqa: N802
        return "i"

    def _print_Infinity(self, expr: Expr) -> str:  # noqa: N802
        return "∞"

    def _print_NegativeInfinity(self, expr: Expr) -> str:  # noqa: N802
        return "-∞"

    def _print_log(self, expr: Expr) -> str:
        return f"ln({self._print(expr.args[0])})"

    def _print_Abs(self, expr: Expr) -> str:  # noqa: N802
        return f"abs({self._print(expr.args[0])})"

    def _print_ceiling(self, expr: Expr) -> str:
        return f"ceil({self._print(expr.args[0])})"

    def _print_Tuple(self, expr: Tuple) -> str:  # noqa: N802
        return f"[{', '.join(map(self._print, expr.args))}]"

    def _print_Unequality(self, expr: Expr) -> str:  # noqa: N802
        return f"{self._print(expr.args[0])} ≠ {self._print(expr.args[1])}"

    def _print_Piecewise(self, expr: Piecewise) -> str:  # noqa: N802
        cases = [
            self._print(case) + ("" if when == sympy.true else f" if {self._print(when)}")
            for case, when in expr.args
        ]
        return f"({', else '.join(cases)})"


def exact_text(value: Value) -> str:
    """The value in the notation that `expressions.read` reads.

    Raises:
        InvalidInput: it is too long to show.
    """
    if _is_huge(value):
        raise InvalidInput("the result has more digits than can be shown")
    try:
        text = str(_Printer().doprint(value)).replace("**", "^")
    except ValueError as exc:  # Python writes no number of more than 4,300 digits
        raise InvalidInput("the result has more digits than can be shown") from exc
    if len(text) > MAX_RESULT_CHARS:
        raise InvalidInput(f"the result is longer than {MAX_RESULT_CHARS} characters")
    return text


def approximated(value: Value, *, places: int | None = _PLACES) -> str:
    """The value as a decimal number; empty where it has a variable, or is no number.

    Args:
        value: any value.
        places: decimal places for numbers that people read; None for all 15 digits.
    """
    if not isinstance(value, Expr) or not value.is_number or value.has(sympy.oo, -sympy.oo):
        return ""
    real, imaginary = _without_noise(*sympy.N(value, _DIGITS + 5).as_real_imag())
    if not imaginary:
        return _decimal(real, places)
    size = _decimal(abs(imaginary), places)
    turned = "i" if size == "1" else f"{size}*i"
    if not real:
        return f"-{turned}" if imaginary < 0 else turned
    return f"{_decimal(real, places)} {'-' if imaginary < 0 else '+'} {turned}"


def _without_noise(real: Expr, imaginary: Expr) -> tuple[Expr, Expr]:
    """Zero for what rounding has left: a part without a digit that counts, or far below the other.

    SymPy's own `chop` takes every small number for zero, exp(-60) too.
    """
    if not all(isinstance(part, Number) for part in (real, imaginary)):
        raise InvalidInput("the result has no value as a decimal number")
    significant = [sympy.S.Zero if _is_noise(part) else part for part in (real, imaginary)]
    least = max(map(abs, significant)) / 10**_DIGITS
    real, imaginary = (sympy.S.Zero if abs(part) < least else part for part in significant)
    return real, imaginary


def _is_noise(part: Number) -> bool:
    return isinstance(part, Float) and part._prec < _MIN_BITS  # noqa: SLF001  # it has no other name


def rendered(value: Value) -> Computed:
    """The value for people and for programs.

    Raises:
        InvalidInput: it is undefined, or too long to show.
    """
    if value.has(sympy.zoo, sympy.nan):
        raise InvalidInput("the result is not defined")
    if value in (sympy.true, sympy.false):
        return Computed(text="yes" if value else "no", exact=f"{value}")
    if isinstance(value, Tuple):
        return _listed(value)
    approx = approximated(value, places=None)
    if approx and _is_huge(value):
        return Computed(text=f"≈ {approximated(value)}", exact="", approx=approx)
    exact = exact_text(value)
    return Computed(text=_for_people(value, exact), exact=exact, approx=approx)


def _listed(values: Tuple) -> Computed:
    texts = ", ".join(rendered(value).text for value in values)
    return Computed(text=texts or "none", exact=exact_text(values))


def _for_people(value: Value, exact: str) -> str:
    # Whole, and not only an Integer: a product of prime factors is shown as one.
    if not isinstance(value, Expr) or value.is_integer or value.free_symbols:
        return exact
    if isinstance(value, Rational) and (decimal := _terminating(value)):
        return decimal
    approx = approximated(value)
    if not approx or approx == exact:
        return exact
    long_fraction = isinstance(value, Rational) and value.q > _MAX_DENOMINATOR
    long = long_fraction or len(exact) > _MAX_EXACT_CHARS
    unreadable = long or value.has(CRootOf, LambertW)
    return f"≈ {approx}" if unreadable else f"{exact} ≈ {approx}"


def _terminating(value: Rational) -> str:
    """`18.5` for 37/2; empty where the decimals do not end soon."""
    for places in range(1, _MAX_DECIMALS + 1):
        scaled = value * 10**places
        if isinstance(scaled, Integer):
            digits = f"{abs(scaled)}".rjust(places + 1, "0")
            sign = "-" if value < 0 else ""
            return f"{sign}{digits[:-places]}.{digits[-places:]}"
    return ""


def _decimal(number: Expr, places: int | None) -> str:
    """To decimal places; a number below a tenth keeps its digits instead: 0.0003333."""
    try:
        return _fixed(Decimal(str(number)), places)
    except (ValueError, ArithmeticError) as exc:  # its exponent alone has thousands of digits
        raise InvalidInput("the result is too large or too small to be written") from exc


def _fixed(decimal: Decimal, places: int | None) -> str:
    magnitude = decimal.adjusted()
    if places is not None and -1 <= magnitude < _DIGITS:
        return _without_zeros(f"{decimal:.{places}f}")
    rounded = Context(prec=_DIGITS if places is None else places).plus(decimal).normalize()
    return f"{rounded:f}" if -7 < magnitude < _DIGITS else f"{rounded:e}"


def _without_zeros(fixed: str) -> str:
    return fixed.rstrip("0").rstrip(".")


def _is_huge(value: Value) -> bool:
    return any(abs(part.p) >= _HUGE or part.q >= _HUGE for part in value.atoms(Rational))
