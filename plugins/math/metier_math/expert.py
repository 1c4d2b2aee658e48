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
from metier_math.calculator import Calculator
from metier_math.explaining import explain, explain_solution, not_computed, unchecked
from metier_math.given import invented
from metier_math.instruction import BEGINNING, MAX_TOKENS, SCHEMA, asked_unit, asking
from metier_math.program import Program
from metier_math.tools import Tools
from metier_math.word_problems import SAMPLES, is_word_problem, solution


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

        Where that fails, the model answers in its own words, and the answer says so.
        """
        with suppress(ExpertFailed):
            await self._calculator.start()  # its imports take a second, the model takes longer
        if await in_thread(is_word_problem, task.text):
            return await self._worked(task, context)
        sampling = replace(context.sampling, max_tokens=MAX_TOKENS, schema=SCHEMA)
        try:
            program = await context.structured(asking(self.card, task), Program, sampling=sampling)
        except InvalidOutput:
            return await self._in_words(task, context, "the model wrote no calculation")
        program = program.as_meant().with_unit(asked_unit(task.text))
        if made_up := await in_thread(invented, program, task):
            context.mark_checked(False)
            return not_computed(made_up)
        if not program.leads_somewhere:
            return await self._in_words(task, context, "the steps lead to no answer")
        try:
            results = await self._calculator.run(program)
        except InvalidInput as exc:
            return await self._with_plain_numbers(program, task, context, exc)
        except (DeadlineExceeded, ExpertFailed) as exc:
            return await self._in_words(task, context, exc.message)
        context.mark_checked(True)
        context.give(program.steps[-1].name, results[-1].text)
        return explain(program, results)

    async def _worked(self, task: Task, context: Context) -> str:
        """A word problem. One of several samples of the step is one program: they are the vote."""
        samples = 1 if context.sampling.temperature else self._samples
        try:
            found = await solution(task, self.card, context, self._calculator, samples=samples)
        except (InvalidInput, DeadlineExceeded, ExpertFailed) as exc:
            return await self._in_words(task, context, exc.message)
        if made_up := await in_thread(invented, found.worked.program, task):
            context.mark_checked(False)
            return not_computed(made_up)
        if found.written > 1 or found.doubts:
            context.mark_checked(found.agreeing > 1 and not found.doubts)
        unit = asked_unit(task.text)
        context.give(
            found.worked.program.steps[-1].name, f"{found.results[-1].text} {unit}".strip()
        )
        return explain_solution(found, unit=unit)

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
        context.give(plain.steps[-1].name, results[-1].text)
        return f"{explain(plain, results)}\n\nThe numbers were computed, the units not checked."

    async def aclose(self) -> None:
        """End the process that computes."""
        await self._calculator.aclose()

    async def _in_words(self, task: Task, context: Context, reason: str) -> str:
        text = await context.complete(messages_for(self.card, task))
        context.mark_checked(False)
        return unchecked(text, reason)
