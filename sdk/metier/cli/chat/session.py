"""One conversation with a council: ask a question, show the answer, keep both."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import TYPE_CHECKING

import anyio

from metier.cli.ask import answered
from metier.cli.chat.conversation import Conversation, Recorder
from metier.cli.render import Form, Screen
from metier.cli.session import FAILED, open_council, run_store
from metier.errors import MetierError
from metier.plan import Plan
from metier.settings import Settings

if TYPE_CHECKING:
    from metier.council import Council
    from metier.events import Event


class ChatSession:
    """A conversation, the council that answers in it, and how its answers are shown.

    Args:
        on_terminal: a person is at a terminal, so Ctrl-C stops an answer, not the program.
    """

    def __init__(
        self,
        settings: Settings,
        conversation: Conversation,
        *,
        form: Form,
        verbose: bool,
        stream: bool,
        log: bool,
        on_terminal: bool,
    ) -> None:
        self.settings = settings
        self.conversation = conversation
        self._log = log
        self.council: Council = open_council(settings, runs=run_store(settings, log=log))
        self._form: Form = form
        self._verbose = verbose
        self._stream = stream
        self.on_terminal = on_terminal
        self._warming: anyio.CancelScope | None = None

    async def ask(self, question: str, *, seed: int | None = None) -> int:
        """Answer a question, show the answer and keep the turn; return an exit code.

        Args:
            seed: for other words than before; the one of the settings if not given.

        Raises:
            MetierError: it cannot be answered.
        """
        talk = self.conversation
        talk.last = question
        if seed is None:
            talk.retries = 0
        recorder = Recorder(question)
        screen = Screen(
            verbose=self._verbose,
            show_plan=False,
            stream=self._stream,
            form=self._form,
            indent=None,
        )
        code = FAILED
        events = self.council.stream(
            talk.with_question(question),
            documents=tuple(talk.documents.values()),
            experts=talk.experts or None,
            strategy=talk.how,
            seed=seed,
        )
        with _stopped_by_ctrl_c(enabled=self.on_terminal) as scope:
            code = await answered(_recorded(events, recorder), screen)
        if scope.cancelled_caught:
            screen.stopped()
        turn = recorder.turn(stopped=scope.cancelled_caught)
        if turn is not None:
            talk.turns.append(turn)
        return code

    async def plan(self, question: str) -> Plan:
        """Plan a question without asking it.

        Raises:
            MetierError: it cannot be planned.
        """
        talk = self.conversation
        return await self.council.plan(
            talk.with_question(question),
            documents=tuple(talk.documents.values()),
            experts=talk.experts or None,
            strategy=talk.how,
        )

    async def reopen(self, settings: Settings) -> None:
        """Continue with other settings."""
        before = self.council
        self.council = open_council(settings, runs=run_store(settings, log=self._log))
        self.settings = settings
        if self._warming is not None:
            self._warming.cancel()
        await before.aclose()

    async def keep_warm(self) -> None:
        """Have the prompts kept by the server of the council that answers, until cancelled."""
        while True:
            with anyio.CancelScope() as self._warming:
                with suppress(MetierError):  # the next question reports what is wrong
                    await self.council.warming.keep_warm()
                await anyio.sleep_forever()

    async def aclose(self) -> None:
        """Close the council."""
        await self.council.aclose()


async def _recorded(
    events: AsyncGenerator[Event, None], recorder: Recorder
) -> AsyncGenerator[Event, None]:
    async with aclosing(events):
        async for event in events:
            recorder.add(event)
            yield event


@contextmanager
def _stopped_by_ctrl_c(*, enabled: bool) -> Iterator[anyio.CancelScope]:
    """A scope that Ctrl-C cancels; a second Ctrl-C ends the program."""
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:
        if not enabled:
            yield scope
            return

        def stop(*_: object) -> None:
            signal.signal(signal.SIGINT, before)
            loop.call_soon_threadsafe(scope.cancel)

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield scope
        finally:
            signal.signal(signal.SIGINT, before)
