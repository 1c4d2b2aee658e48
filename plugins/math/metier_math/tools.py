"""The tools of the math expert: each is an operation, which the calculator computes."""

from __future__ import annotations

from typing import Annotated

from metier import tool
from metier_math.calculator import Calculator
from metier_math.program import Assignment, Computed, Operation, Program

Expression = Annotated[str, "in plain notation, such as 2*x^2 + sqrt(x)"]
Variable = Annotated[str, "the variable; empty where there is only one"]
Numbers = Annotated[list[float], "the numbers"]

# How a result was checked where it is exact; one that fails its check says so, or is an error.
_CHECKS = {
    "solve": "Checked: put into the equations, it fits them.",
    "integrate": "Checked: its derivative has the value of the integrand at several points.",
}


class Tools:
    """The tools of `Math`, which brings the calculator and the answers."""

    _calculator: Calculator

    @tool
    async def evaluate(
        self,
        expression: Expression,
        unit: Annotated[str, "the unit of the result; empty for the simplest"] = "",
    ) -> str:
        """The value of an arithmetic expression; units such as 15 mg/kg * 70 kg are understood."""
        return await self._result("evaluate", expression, unit=unit)

    @tool
    async def solve(
        self,
        equation: Annotated[str, "an equation or inequality, or several with ; between them"],
        variable: Annotated[str, "what to solve for; several with commas"] = "",
    ) -> str:
        """What solves an equation, an inequality or a system: one, none, or infinitely many."""
        result = await self._computed("solve", equation, variable=variable)
        return _with_check(result, "solve")

    @tool
    async def differentiate(
        self,
        expression: Expression,
        variable: Annotated[str, "x; x, x for the second; x, y for a mixed one"] = "",
        at: Annotated[str, "a point where its value is wanted, such as 2"] = "",
    ) -> str:
        """The derivative of an expression, and its value at a point."""
        return await self._result("differentiate", expression, variable=variable, to=at)

    @tool
    async def gradient(
        self,
        expression: Expression,
        variables: Annotated[str, "x, y; all of them where empty"] = "",
        at: Annotated[str, "a point, such as x = 1, y = 2"] = "",
    ) -> str:
        """The derivative of an expression by each of its variables."""
        return await self._result("gradient", expression, variable=variables, to=at)

    @tool
    async def integrate(
        self,
        expression: Expression,
        variable: Variable = "",
        lower: Annotated[str, "the lower bound; empty for the antiderivative"] = "",
        upper: Annotated[str, "the upper bound; oo is infinity"] = "",
    ) -> str:
        """The antiderivative of an expression, or its integral between two bounds."""
        if lower or upper:
            bounds = f"{lower}, {upper}"
            return await self._result("integrate", expression, variable=variable, to=bounds)
        result = await self._computed("integrate", expression, variable=variable)
        return _with_check(result, "integrate")

    @tool
    async def simplify(self, expression: Expression) -> str:
        """A simpler form of an expression, which has the same values at several points."""
        return await self._result("simplify", expression)

    @tool
    async def factor(self, expression: Expression) -> str:
        """An expression as a product; a whole number as the product of its primes."""
        return await self._result("factor", expression)

    @tool
    async def expand(self, expression: Expression) -> str:
        """An expression multiplied out."""
        return await self._result("expand", expression)

    @tool
    async def limit(
        self,
        expression: Expression,
        variable: Variable = "",
        to: Annotated[str, "the point; 0+ and 0- are the sides of 0, oo is infinity"] = "0",
    ) -> str:
        """The limit of an expression at a point, at infinity, or from one side."""
        return await self._result("limit", expression, variable=variable, to=to)

    @tool
    async def series(
        self,
        expression: Expression,
        variable: Variable = "",
        around: Annotated[str, "the point"] = "0",
        order: Annotated[int, "the highest power"] = 5,
    ) -> str:
        """The Taylor series of an expression around a point."""
        return await self._result("series", expression, variable=variable, to=f"{around}, {order}")

    @tool
    async def convert(
        self,
        amount: Annotated[float, "how many"],
        from_unit: Annotated[str, "the unit that it is in, such as km/h"],
        to_unit: Annotated[str, "the unit that is wanted, such as m/s"],
        molar_mass: Annotated[str, "between mmol and mg, such as 180.16 g/mol"] = "",
    ) -> str:
        """An amount in another unit. Differences of temperature have the unit Δ°C."""
        known = [Assignment(name="molar_mass", expression=molar_mass)] if molar_mass else []
        quantity = Assignment(expression=f"{amount!r} {from_unit}")
        program = Program(operation="convert", steps=(*known, quantity), unit=to_unit)
        return (await self._calculator.run(program))[-1].text

    @tool
    async def dimensions(
        self,
        expression: Annotated[str, "with units, such as 15 mg/kg * 70 kg"],
        unit: Annotated[str, "one that it should fit; empty for none"] = "",
    ) -> str:
        """What a calculation measures, such as a mass; an error where its parts do not fit."""
        return await self._result("dimensions", expression, unit=unit)

    @tool
    async def statistics(self, numbers: Numbers) -> str:
        """Count, sum, mean, median, mode, range, quartiles, variance and standard deviation."""
        return await self._result("statistics", ", ".join(map(repr, numbers)))

    @tool
    async def regression(
        self,
        xs: Annotated[list[float], "the numbers on the x axis"],
        ys: Annotated[list[float], "as many on the y axis"],
    ) -> str:
        """The straight line through points by least squares, and their correlation."""
        return await self._result("statistics", f"{xs!r}; {ys!r}")

    @tool
    async def whole_number(
        self, number: Annotated[str, "a whole number, or an expression of one"]
    ) -> str:
        """Prime or not, the prime factors, how many divisors, and the next prime."""
        facts = {
            "prime": "isprime",
            "prime factors": "factorint",
            "divisors": "divisor_count",
            "next prime": "nextprime",
        }
        calls = (f"{function}({number})" for function in facts.values())
        steps = tuple(Assignment(expression=call) for call in calls)
        results = await self._calculator.run(Program(operation="evaluate", steps=steps))
        return ", ".join(
            f"{name}: {result.text}" for name, result in zip(facts, results, strict=True)
        )

    async def _result(
        self, operation: Operation, text: str, *, variable: str = "", to: str = "", unit: str = ""
    ) -> str:
        return (await self._computed(operation, text, variable=variable, to=to, unit=unit)).text

    async def _computed(
        self, operation: Operation, text: str, *, variable: str = "", to: str = "", unit: str = ""
    ) -> Computed:
        steps = (Assignment(expression=text),)
        program = Program(operation=operation, steps=steps, variable=variable, to=to, unit=unit)
        return (await self._calculator.run(program))[-1]


def _with_check(result: Computed, operation: str) -> str:
    return f"{result.text}\n{_CHECKS[operation]}" if result.exact else result.text
