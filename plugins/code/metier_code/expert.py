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
from metier_code.using import reminder, unused_number

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

        One more if the program does not use the number that the step before found.

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
        reply = await context.complete(messages_for(self.card, task))
        if number := await in_thread(_left_out, reply, task):
            told = replace(task, text=f"{task.text}\n\n{reminder(number)}")
            again = await _completed(messages_for(self.card, told), context)
            if _python(fenced(again)) and not await in_thread(_left_out, again, told):
                task, reply = told, again
        if len(reply) > MAX_CHARS:
            return f"{reply}\n\nNot run: it is longer than {MAX_CHARS} characters."
        text = await in_thread(_shown, reply, task.text)
        if not _python(text):
            return text
        if not _parses(text):
            context.mark_checked(False, how="it does not parse")
            return f"{text}\n\nNote: this Python does not parse."
        attempt = await self._attempt(task, text, context)
        if attempt.is_confirmed or (attempt.ran and not attempt.is_well):
            context.mark_checked(attempt.is_well, how=attempt.counted())
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
        given = context.sampling
        sampling = replace(
            given,
            seed=given.seed + number,
            temperature=max(given.temperature, TEMPERATURE),
        )
        reply = await _completed(messages_for(self.card, task), context, sampling=sampling)
        return await in_thread(_shown, reply, task.text) if len(reply) <= MAX_CHARS else ""

    @tool
    def extract(self, text: Annotated[str, "text with fenced code blocks"]) -> str:
        """The code of a text's fenced blocks, without the text around it."""
        return "\n\n".join(block.code for block in blocks(text))

    @tool
    def parses(self, code: Annotated[str, "Python source"]) -> bool:
        """Whether a text is Python that parses. It is not run."""
        return is_python(code)


def _left_out(reply: str, task: Task) -> str:
    """The number of an earlier step that the Python of a reply does not use."""
    code = _code(fenced(reply)) if len(reply) <= MAX_CHARS else ""
    return unused_number(task, code) if code else ""


def _shown(reply: str, question: str) -> str:
    """A reply with its code in fences, under the name that the question asks for."""
    text = fenced(reply)
    return named_as_asked(text, _code(text), question)


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
