"""How the results of a plan become one text: by program in sections, or written by a model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from metier.engine.calling import Caller
from metier.engine.recorder import Emit
from metier.engine.sections import Sections, reading_order
from metier.engine.written import checked, most_chars, prompt
from metier.errors import MetierError
from metier.events import Notice, StepDone, Token
from metier.experts.card import Card
from metier.experts.model_choice import ModelChooser
from metier.experts.threads import in_thread
from metier.models.server import ModelServer
from metier.plan import Plan
from metier.settings import Compose

# A general model with fewer parameters loses facts when it rewrites them.
WRITES_FROM = 4_000_000_000
# Longer results stay as they are: a model would read them for minutes, if they fit its context.
_MOST_CHARS = 24_000


class Composer:
    """Composes the answers of one engine.

    Args:
        general: the card of the expert whose model writes; without one there are sections only.
        compose: `auto` lets a model write if it has at least `WRITES_FROM` parameters.
    """

    def __init__(
        self,
        server: ModelServer,
        chooser: ModelChooser,
        general: Card | None,
        *,
        compose: Compose = "auto",
    ) -> None:
        self._server = server
        self._chooser = chooser
        self._general = general
        self._compose = compose

    async def writes(self) -> bool:
        """Whether a model writes the answer, which costs one call at its end."""
        if self._general is None or self._compose == "sections":
            return False
        if self._compose == "written":
            return True
        try:
            model = await self._chooser.model_for(self._general, self._general)
            details = await self._server.show(model.name)
        except MetierError:
            return False
        count = details.info.get("general.parameter_count")
        return isinstance(count, int) and count >= WRITES_FROM

    async def text(
        self, caller: Caller, results: list[StepDone], emit: Emit
    ) -> AsyncGenerator[str, None]:
        """What the model writes, piece by piece.

        Raises:
            MetierError: it cannot be asked.
        """
        assert self._general is not None  # only called if there is one
        model = await self._chooser.model_for(self._general, self._general)
        if news := self._chooser.news_of(model.name):
            emit(Notice(text=news))
        messages, sampling = prompt(results, seed=caller.seed)
        stream = caller.stream(model, messages, sampling, purpose="compose", step_id=None)
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                yield piece


class Composing:
    """Composes one answer, and says as early as it can what will stay.

    Attributes:
        writes: whether a model is asked at the end.
    """

    def __init__(self, composer: Composer, plan: Plan) -> None:
        self.writes = False
        self._composer = composer
        self._plan = plan
        self._sections = Sections(plan.steps)

    async def decide(self) -> None:
        """Find out whether a model writes; before that, none does."""
        self.writes = len(self._plan.steps) > 1 and await self._composer.writes()

    def settled(self, done: Mapping[str, StepDone], failed: Mapping[str, object]) -> str:
        """The sections that can be given out, now that a step is done or has failed."""
        if self.writes or len(self._plan.steps) == 1:
            return ""
        return self._sections.take(done, failed)

    async def write(self, caller: Caller, done: Mapping[str, StepDone], emit: Emit) -> None:
        """Have the model write, if it does; what it writes is shown once it is checked."""
        results = [done[step.id] for step in reading_order(self._plan.steps) if step.id in done]
        several = self.writes and len(results) > 1
        if several and (text := await self._written(caller, results, emit)):
            emit(Token(text=text, answer=True, composed=True))
        else:
            self.writes = False

    async def _written(self, caller: Caller, results: list[StepDone], emit: Emit) -> str | None:
        """The model's text with all facts; None if it is not to be used, which is reported."""
        if most_chars(results) > _MOST_CHARS:
            return None
        written = ""
        try:
            async with aclosing(self._composer.text(caller, results, emit)) as pieces:
                async for piece in pieces:
                    emit(Token(text=piece, answer=False))
                    written += piece
                    if len(written) > most_chars(results):
                        break
        except MetierError as exc:
            emit(Notice(text=f"composing failed, so the parts follow as they are: {exc}"))
            return None
        text = await in_thread(checked, written, self._plan.question, results)
        if text is None:
            emit(Notice(text="the composed text lost too much, so the parts follow as they are"))
        return text
