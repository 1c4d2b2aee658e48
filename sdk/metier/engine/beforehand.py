"""The model call that planning may make: counted, timed and told as those of the run are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

import anyio

from metier.engine.calling import Caller
from metier.engine.recorder import Budget
from metier.errors import DeadlineExceeded
from metier.events import CallDone, Event
from metier.models.server import InstalledModel, ModelServer, Sampling
from metier.plan import Message


class Beforehand:
    """Calls while a question is planned, within the limits of the run that follows.

    Args:
        model: which one is asked.
        timeout_s: deadline of the question, in seconds.
        max_calls: of the question; one is left for its answer.

    Attributes:
        events: of the calls, emitted once the plan is ready.
    """

    def __init__(
        self,
        server: ModelServer,
        model: Callable[[], Awaitable[InstalledModel]],
        *,
        timeout_s: float,
        max_calls: int,
    ) -> None:
        self.events: list[Event] = []
        self._seconds = 0.0
        self._model = model
        self._timeout_s = timeout_s
        budget = Budget(max_calls - 1)
        self._caller = Caller(server, emit=self.events.append, budget=budget)

    @property
    def calls(self) -> int:
        """How many calls were made."""
        return sum(isinstance(event, CallDone) for event in self.events)

    async def reply(self, messages: Sequence[Message], sampling: Sampling) -> str:
        """The model's reply as a whole.

        Raises:
            BudgetExceeded, DeadlineExceeded: the limits do not permit it.
            ModelError, ModelServerError: as the server raises them.
        """
        began = anyio.current_time()
        try:
            with anyio.move_on_after(self._timeout_s - self._seconds):
                stream = self._caller.stream(
                    await self._model(), messages, sampling, purpose="split", step_id=None
                )
                async with aclosing(stream) as pieces:
                    return "".join([piece async for piece in pieces])
            raise DeadlineExceeded(f"not planned within {self._timeout_s:g} s")
        finally:
            self._seconds += anyio.current_time() - began
