"""The expert itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from metier import Context, Expert, Task, tool
from metier.errors import BudgetExceeded
from metier.experts.card import Card
from metier.experts.expert import messages_for
from metier.experts.threads import in_thread
from metier.models.server import Sampling
from metier.plan import Message
from metier.sandbox import Sandboxes, checked
from metier_code.examples import asserts, concerns, defines, examples
from metier_code.fences import MAX_CHARS, blocks, fenced, is_python
from metier_code.naming import named_as_asked
from metier_code.reproducing import program_in, with_outcome
from metier_code.trying import Attempt, Origin
from metier_code.using import Given, given_in

# A small model writes the same mistake again when it is shown what failed, and another program when
# it is asked anew (docs/decisions/0018-code-that-fails-is-written-anew.md).
MORE_TRIES = 2
TEMPERATURE = 0.8

_TESTS = (
    "Write three assert statements that test this code with values that the question implies, one "
    "per line, in one fenced block. Do not repeat the code."
)


class Code(Expert):
    """Answers with code in a fenced block; runs Python in a sandbox before it is shown.

    Args:
        card: what the expert says of itself.
        sandboxes: where code is run; those of this machine where not given.
        write_tests: have the model write tests where the question has no examples, which costs a
            call. A small model writes wrong ones, too, so nothing is written anew for them
            (docs/decisions/0018-code-that-fails-is-written-anew.md).
    """

    def __init__(
        self,
        card: Card | None = None,
        *,
        sandboxes: Sandboxes | None = None,
        write_tests: bool = False,
    ) -> None:
        super().__init__(card)
        self._sandboxes = sandboxes or Sandboxes()
        self._write_tests = write_tests

    async def answer(self, task: Task, context: Context) -> str:
        """One model call, two more at most where it fails, and one for tests where they are wished.

        One more if the program does not use what the step before found; if it still does not, the
        answer says so.

        Code that no sandbox can run is returned unrun, and the answer says so. The program of a
        question about an error is run first, so that the model explains what really happens.
        """
        program = await in_thread(program_in, task)
        if not program:
            return await self._answer(task, context)
        task, seen = await with_outcome(task, program, self._sandboxes)
        text = await self._answer(task, context)
        return f"{text}\n\n{seen}" if seen else text

    async def _answer(self, task: Task, context: Context) -> str:
        given = await in_thread(self._given, task)
        reply = await context.complete(self._asking(task, given))
        if given and not await in_thread(_uses, reply, given):
            told = messages_for(self.card, task, extra=given.reminder)
            again = await _completed(told, context)
            if _python(fenced(again)) and await in_thread(_uses, again, given):
                reply = again
        text = await self._run(reply, task, context)
        if given and not await in_thread(_uses, text, given):
            context.mark_checked(False, how="the earlier result is not used")
            text = _reserved(text, given.note, context)
        return text

    def _given(self, task: Task) -> Given | None:
        return given_in(task, besides=self.card.id)

    def _asking(self, task: Task, given: Given | None) -> tuple[Message, ...]:
        return messages_for(self.card, task, extra=given.wish if given else "")

    async def _run(self, reply: str, task: Task, context: Context) -> str:
        """The reply, with what running its code showed."""
        if len(reply) > MAX_CHARS:
            return _reserved(reply, f"Not run: it is longer than {MAX_CHARS} characters.", context)
        text = await in_thread(self._shown, reply, task)
        if not _python(text):
            return text
        if not _parses(text):
            context.mark_checked(False, how="it does not parse")
            return _reserved(text, "Note: this Python does not parse.", context)
        attempt = await self._attempt(task, text, context)
        if attempt.is_confirmed or (attempt.ran and not attempt.is_well):
            context.mark_checked(attempt.is_well, how=attempt.counted())
        if not attempt.is_well or attempt.checks.unrun:
            return _reserved(attempt.text, attempt.told(), context)
        return f"{attempt.text}\n\n{attempt.told()}"

    async def _attempt(self, task: Task, text: str, context: Context) -> Attempt:
        """The first answer that nothing fails in, else the best."""
        names = defines(_code(text))
        shown = await in_thread(examples, task.text)
        given = tuple(test for test in shown if concerns(test, names))
        origin: Origin = "question" if given else "none"
        tests = given or ("",)
        best = await self._tried(text, origin, tests)
        for number in range(1, MORE_TRIES + 1):
            if best.is_well:
                break
            another = await self._another(task, context, number)
            if _python(another) and _parses(another):
                attempt = await self._tried(another, origin, tests)
                best = max(best, attempt, key=lambda each: each.score)
        if self._write_tests and not given and best.ran and best.is_well:
            return await self._tested(task, best, context)
        return best

    async def _tested(self, task: Task, attempt: Attempt, context: Context) -> Attempt:
        """The same answer against tests that the model writes; as it was where it writes none."""
        names = defines(_code(attempt.text))
        asked = (*messages_for(self.card, task), _said(attempt.text), _asked(_TESTS))
        written = await _completed(asked, context) if names else ""
        tests = tuple(test for test in asserts(written) if concerns(test, names))
        return await self._tried(attempt.text, "model", tests) if tests else attempt

    async def _tried(self, text: str, origin: Origin, tests: tuple[str, ...]) -> Attempt:
        checks = await checked(self._sandboxes, _code(text), tests)
        return Attempt(text=text, checks=checks, origin=origin)

    async def _another(self, task: Task, context: Context, number: int) -> str:
        """Another answer to the same question, independent of those before."""
        usual = context.sampling
        sampling = replace(
            usual,
            seed=usual.seed + number,
            temperature=max(usual.temperature, TEMPERATURE),
        )
        given = await in_thread(self._given, task)
        reply = await _completed(self._asking(task, given), context, sampling=sampling)
        return await in_thread(self._shown, reply, task) if len(reply) <= MAX_CHARS else ""

    def _shown(self, reply: str, task: Task) -> str:
        """A reply with its code in fences, the name that was asked for, and what was given."""
        text = fenced(reply)
        text = named_as_asked(text, _code(text), task.text)
        given = self._given(task)
        return given.defined(text, _code(text)) if given else text

    @tool
    def extract(self, text: Annotated[str, "text with fenced code blocks"]) -> str:
        """The code of a text's fenced blocks, without the text around it."""
        return "\n\n".join(block.code for block in blocks(text))

    @tool
    def parses(self, code: Annotated[str, "Python source"]) -> bool:
        """Whether a text is Python that parses. It is not run."""
        return is_python(code)


def _reserved(text: str, limits: str, context: Context) -> str:
    """A text and what limits it, which must reach the reader as it is."""
    context.warn(limits)
    return f"{text}\n\n{limits}"


def _uses(reply: str, given: Given) -> bool:
    """Whether the Python of a reply uses what was given; other replies need not."""
    code = _code(fenced(reply)) if len(reply) <= MAX_CHARS else ""
    return not code or given.is_used(code)


def _python(text: str) -> list[str]:
    return [block.code for block in blocks(text) if block.language in ("python", "py")]


def _code(text: str) -> str:
    return "\n\n".join(_python(text))


def _parses(text: str) -> bool:
    return all(is_python(code) for code in _python(text))


async def _completed(
    messages: tuple[Message, ...], context: Context, *, sampling: Sampling | None = None
) -> str:
    """The reply; ``""`` where the question may cost no call more."""
    try:
        return await context.complete(messages, sampling=sampling)
    except BudgetExceeded:
        return ""


def _said(text: str) -> Message:
    return Message(role="assistant", content=text)


def _asked(text: str) -> Message:
    return Message(role="user", content=text)
