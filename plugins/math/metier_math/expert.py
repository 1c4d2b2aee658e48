"""The math expert: the model writes what is to be computed, and SymPy computes it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Annotated

from metier.capability import Card
from metier.errors import DeadlineExceeded, ExpertFailed, InvalidInput, InvalidOutput
from metier.expert import Context, Expert, Task, messages_for
from metier.skills import skill
from metier_math.calculator import Calculator
from metier_math.explaining import explain, unchecked
from metier_math.instruction import MAX_TOKENS, SCHEMA, asked_unit, asking
from metier_math.program import Assignment, Operation, Program

Expression = Annotated[str, "in plain notation, such as 2*x^2 + sqrt(x)"]
Variable = Annotated[str, "the variable; empty where there is only one"]


class Math(Expert):
    """Arithmetic, algebra, calculus, statistics and units, computed and not guessed.

    Args:
        card: what the expert says of itself.
        calculator: where it computes; one with the usual limits where not given.
    """

    def __init__(self, card: Card | None = None, *, calculator: Calculator | None = None) -> None:
        super().__init__(card)
        self._calculator = calculator or Calculator()

    async def answer(self, task: Task, context: Context) -> str:
        """Answer with one model call, which writes a program, and the program's result.

        Where that fails, the model answers in its own words, and the answer says so.
        """
        with suppress(ExpertFailed):
            await self._calculator.start()  # its imports take a second, the model takes longer
        sampling = replace(context.sampling, max_tokens=MAX_TOKENS, schema=SCHEMA)
        try:
            program = await context.structured(asking(self.card, task), Program, sampling=sampling)
        except InvalidOutput:
            return await self._in_words(task, context, "the model wrote no calculation")
        program = program.as_meant().with_unit(asked_unit(task.text))
        if not program.leads_somewhere:
            return await self._in_words(task, context, "the steps lead to no answer")
        try:
            results = await self._calculator.run(program)
        except InvalidInput as exc:
            return await self._with_plain_numbers(program, task, context, exc)
        except (DeadlineExceeded, ExpertFailed) as exc:
            return await self._in_words(task, context, exc.message)
        context.mark_checked(True)
        return explain(program, results)

    async def _with_plain_numbers(
        self, program: Program, task: Task, context: Context, reason: InvalidInput
    ) -> str:
        plain = program.without_units()
        if plain is None:
            return await self._in_words(task, context, reason.message)
        try:
            results = await self._calculator.run(plain)
        except (InvalidInput, DeadlineExceeded, ExpertFailed) as exc:
            return await self._in_words(task, context, exc.message)
        context.mark_checked(False)
        return f"{explain(plain, results)}\n\nThe numbers were computed, the units not checked."

    async def aclose(self) -> None:
        """End the process that computes."""
        await self._calculator.aclose()

    @skill
    async def evaluate(self, expression: Expression) -> str:
        """The value of an arithmetic expression; units such as 15 mg/kg * 70 kg are understood."""
        return await self._result("evaluate", expression)

    @skill
    async def solve(
        self,
        equation: Annotated[str, "one equation, or several with ; between them"],
        variable: Annotated[str, "what to solve for; several with commas"] = "",
    ) -> str:
        """The solutions of an equation or of a system of equations."""
        return await self._result("solve", equation, variable=variable)

    @skill
    async def differentiate(
        self, expression: Expression, variable: Annotated[str, "x; x, x for the second"] = ""
    ) -> str:
        """The derivative of an expression."""
        return await self._result("differentiate", expression, variable=variable)

    @skill
    async def integrate(
        self,
        expression: Expression,
        variable: Variable = "",
        lower: Annotated[str, "the lower bound; empty for the antiderivative"] = "",
        upper: Annotated[str, "the upper bound; oo is infinity"] = "",
    ) -> str:
        """The antiderivative of an expression, or its integral between two bounds."""
        bounds = f"{lower}, {upper}" if lower or upper else ""
        return await self._result("integrate", expression, variable=variable, to=bounds)

    @skill
    async def simplify(self, expression: Expression) -> str:
        """A simpler form of an expression."""
        return await self._result("simplify", expression)

    @skill
    async def limit(
        self,
        expression: Expression,
        variable: Variable = "",
        to: Annotated[str, "the point; 0+ and 0- are the sides of 0, oo is infinity"] = "0",
    ) -> str:
        """The limit of an expression at a point."""
        return await self._result("limit", expression, variable=variable, to=to)

    @skill
    async def convert(
        self,
        amount: Annotated[float, "how many"],
        from_unit: Annotated[str, "the unit that it is in, such as km/h"],
        to_unit: Annotated[str, "the unit that is wanted, such as m/s"],
    ) -> str:
        """An amount in another unit."""
        return await self._result("convert", f"{amount!r} {from_unit}", unit=to_unit)

    @skill
    async def statistics(self, numbers: Annotated[list[float], "the numbers"]) -> str:
        """Count, sum, mean, median, range and standard deviation of numbers."""
        return await self._result("statistics", ", ".join(map(repr, numbers)))

    async def _result(
        self, operation: Operation, text: str, *, variable: str = "", to: str = "", unit: str = ""
    ) -> str:
        steps = (Assignment(expression=text),)
        program = Program(operation=operation, steps=steps, variable=variable, to=to, unit=unit)
        return (await self._calculator.run(program))[-1].text

    async def _in_words(self, task: Task, context: Context, reason: str) -> str:
        text = await context.complete(messages_for(self.card, task))
        context.mark_checked(False)
        return unchecked(text, reason)
