"""The math expert: the model writes what is to be computed, and SymPy computes it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from metier.errors import DeadlineExceeded, ExpertFailed, InvalidInput, InvalidOutput
from metier.experts.card import Card
from metier.experts.expert import Context, Expert, Task, messages_for
from metier.experts.threads import in_thread
from metier.plan import Message
from metier_math.asked_units import asked_unit, asks_several
from metier_math.calculator import Calculator
from metier_math.calendar import calendar_answer
from metier_math.conversions import conversion_in
from metier_math.explaining import (
    doubted,
    explain,
    explain_solution,
    not_computed,
    reserved,
    unchecked,
)
from metier_math.given import invented, leaves_out
from metier_math.handing_on import handed_on
from metier_math.instruction import BEGINNING, MAX_TOKENS, SCHEMA, asking
from metier_math.program import Computed, Program
from metier_math.rates import rate_in
from metier_math.stated import stated_in
from metier_math.stated_units import is_off_by_thousands, with_stated_units
from metier_math.tools import Tools
from metier_math.word_problems import AGREEING, SAMPLES, is_word_problem, solution

# Programs that are written at most where the first is not good enough: one is enough that can be
# computed and that nothing speaks against.
AGAIN = 3

Results = tuple[Computed, ...]

_BY_PROGRAM = "read from the question and computed; no model wrote it"
_MADE_UP = "it takes a number that was not given"
_NO_UNITS = "The numbers were computed, the units not checked."


class Math(Tools, Expert):
    """Arithmetic, algebra, calculus, statistics and units, computed and not guessed.

    Args:
        card: what the expert says of itself.
        calculator: where it computes; one with the usual limits where not given.
        samples: how many programs the model writes for a word problem, at most.
    """

    def __init__(
        self,
        card: Card | None = None,
        *,
        calculator: Calculator | None = None,
        samples: int = SAMPLES,
    ) -> None:
        super().__init__(card)
        self._calculator = calculator or Calculator()
        self._samples = samples

    @property
    def constant_messages(self) -> Sequence[Sequence[Message]]:
        """The instruction to write a program, with its examples."""
        return [BEGINNING]

    async def answer(self, task: Task, context: Context) -> str:
        """Answer with what the model's program computes: a word problem's is written several times.

        Another unit, a rate, dates and clock times are computed without a model. If the first
        program cannot be computed or leaves something out, the model writes others, as for a word
        problem; if these fail too, it answers in its own words, and the answer says so.
        """
        if (answer := await in_thread(calendar_answer, task)) is not None:
            context.mark_checked(True, how=_BY_PROGRAM)
            context.give("answer", answer.value)
            return answer.text
        with suppress(ExpertFailed):
            await self._calculator.start()  # its imports take a second, the model takes longer
        if (text := await self._stated(task, context)) is not None:
            return text
        if await in_thread(is_word_problem, task.text):
            return await self._worked(task, context)
        sampling = replace(context.sampling, max_tokens=MAX_TOKENS, schema=SCHEMA)
        try:
            program = await context.structured(asking(self.card, task), Program, sampling=sampling)
        except InvalidOutput:
            return await self._again(task, context, "the model wrote no calculation")
        program = program.as_meant(task.text).with_unit(asked_unit(task.text))
        if not program.leads_somewhere:
            return await self._again(task, context, "the steps lead to no answer")
        if await in_thread(leaves_out, program, task):
            return await self._again(task, context, "it leaves the earlier result out")
        if made_up := await in_thread(invented, program, task):
            context.mark_checked(False, how=_MADE_UP)
            return reserved("", not_computed(made_up), context)
        try:
            results = await self._calculator.run(program)
        except InvalidInput as exc:
            return await self._with_plain_numbers(program, task, context, exc)
        except (DeadlineExceeded, ExpertFailed) as exc:
            return await self._in_words(task, context, exc.message)
        return self._told(*await self._in_stated_units(program, results, task), task, context)

    async def _stated(self, task: Task, context: Context) -> str | None:
        """The answer to a task that states its calculation; None if a model has to read it."""
        if (program := await in_thread(_read, task)) is None:
            return None
        try:
            results = await self._calculator.run(program)
        except InvalidInput as exc:
            if program.operation != "plot":
                return None
            context.mark_checked(False, how="not drawn")  # and no model draws
            return reserved("", f"Not drawn: {exc.message}.", context)
        except (DeadlineExceeded, ExpertFailed) as exc:
            return await self._in_words(task, context, exc.message)
        context.mark_checked(True, how=_BY_PROGRAM)
        return self._told(program, results, task, context)

    async def _again(self, task: Task, context: Context, reason: str) -> str:
        """Other programs, in lines of Python; without a number there is nothing to compute."""
        said = " ".join([task.text, *(result.given for result in task.inputs)])
        if not any(char.isdigit() for char in said):
            return await self._in_words(task, context, reason)
        return await self._worked(task, context, samples=AGAIN, agreeing=1, reason=reason)

    async def _worked(
        self,
        task: Task,
        context: Context,
        *,
        samples: int = 0,
        agreeing: int = AGREEING,
        reason: str = "",
    ) -> str:
        """A word problem. One of several samples of the step is one program: they are the vote."""
        # Programs for several questions answer different ones and never agree.
        most = min(self._samples, AGREEING) if asks_several(task.text) else self._samples
        samples = 1 if context.sampling.temperature else samples or most
        try:
            found = await solution(
                task, self.card, context, self._calculator, samples=samples, agreeing=agreeing
            )
        except (InvalidInput, DeadlineExceeded, ExpertFailed) as exc:
            return await self._in_words(task, context, reason or exc.message)
        if made_up := await in_thread(invented, found.worked.program, task):
            context.mark_checked(False, how=_MADE_UP)
            return reserved("", not_computed(made_up), context)
        if found.written > 1 or found.doubts:
            context.mark_checked(found.is_confirmed, how=found.how_checked)
        unit = asked_unit(task.text)
        working = found.worked.program.with_unit(unit)
        program, results = await self._in_stated_units(working, found.results, task)
        if program is not working:
            found, unit = replace(found, worked=replace(found.worked, program=program)), ""
        _hand_on(program, results, task, context, unit=unit)
        text = explain_solution(replace(found, results=results), unit=unit)
        return reserved(text, doubted(found), context)

    async def _with_plain_numbers(
        self, program: Program, task: Task, context: Context, reason: InvalidInput
    ) -> str:
        plain = program.without_units()
        if plain is None:
            return await self._again(task, context, reason.message)
        try:
            results = await self._calculator.run(plain)
        except (InvalidInput, DeadlineExceeded, ExpertFailed) as exc:
            return await self._again(task, context, exc.message)
        context.mark_checked(False, how="computed without its units, which do not fit")
        _hand_on(plain, results, task, context)
        return reserved(explain(plain, results), _NO_UNITS, context)

    async def _in_stated_units(
        self, program: Program, results: Results, task: Task
    ) -> tuple[Program, Results]:
        """The same, or with the units of the question, if it is off by a thousand without them."""
        said = " ".join(
            [task.text, *(value for each in task.inputs for value in each.values.values())]
        )
        united = await in_thread(with_stated_units, program, said)
        with suppress(InvalidInput, DeadlineExceeded, ExpertFailed):
            if united is not None:
                in_units = await self._calculator.run(united)
                if is_off_by_thousands(results[-1], in_units[-1], united.unit):
                    return united, in_units
        return program, results

    def _told(self, program: Program, results: Results, task: Task, context: Context) -> str:
        """The answer. That a model's program could be computed confirms nothing."""
        _hand_on(program, results, task, context)
        return explain(program, results)

    async def aclose(self) -> None:
        """End the process that computes."""
        await self._calculator.aclose()

    async def _in_words(self, task: Task, context: Context, reason: str) -> str:
        text = await context.complete(messages_for(self.card, task))
        context.mark_checked(False, how="not computed")
        return reserved(text, unchecked(reason), context)


def _hand_on(
    program: Program, results: Results, task: Task, context: Context, *, unit: str = ""
) -> None:
    for name, value in handed_on(program, results, task.text, unit=unit).items():
        context.give(name, value)


def _read(task: Task) -> Program | None:
    """The calculation that the question states by itself, for which no model is needed."""
    return conversion_in(task) or rate_in(task) or stated_in(task)
