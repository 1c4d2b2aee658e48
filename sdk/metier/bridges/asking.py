"""What every bridge asks: a council, or one of its experts without planning."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass

from metier.answer import Answer
from metier.council import Council
from metier.engine.engine import Limits
from metier.errors import EmptyQuestion, UnknownExpert
from metier.events import Answered, Event, Token
from metier.experts.expert import Expert
from metier.plan import Document, Message, Plan, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who is asked.

    Attributes:
        expert: asked for everything, with no planning and no embedding; None asks the council.
        experts: the only experts that the council may choose; None leaves it the choice.
        limits: what a question may cost; those of the council where None.
        strategy: how several answers to a step become one.
    """

    council: Council
    expert: str | None = None
    experts: tuple[str, ...] | None = None
    limits: Limits | None = None
    strategy: str = "single"

    async def answer(self, messages: Sequence[Message]) -> Answer:
        """Plan and run a conversation, whose last message is the question.

        Raises:
            MetierError: nothing could be answered.
        """
        if self.expert is None:
            return await self.council.ask(messages, experts=self.experts, limits=self.limits)
        return await self.council.run(self._alone(messages), limits=self.limits)

    def answer_sync(self, messages: Sequence[Message]) -> Answer:
        """`answer` for code that is not async."""
        if self.expert is None:
            return self.council.ask_sync(messages, experts=self.experts, limits=self.limits)
        return self.council.run_sync(self._alone(messages), limits=self.limits)

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        documents: Sequence[Document] = (),
        keep: bool = True,
        seed: int | None = None,
    ) -> AsyncGenerator[Event, None]:
        """What happens, as it happens; the last event is `Answered`.

        Raises:
            MetierError: nothing could be answered.
        """
        stream = self.council.stream(
            self._question(messages, documents),
            documents=documents,
            experts=self.experts,
            strategy=self.strategy,
            limits=self.limits,
            strict=True,
            keep=keep,
            seed=seed,
        )
        async with aclosing(stream) as events:
            async for event in events:
                if not _is_empty(event):
                    yield event

    def _question(
        self, messages: Sequence[Message], documents: Sequence[Document] = ()
    ) -> Plan | tuple[Message, ...]:
        """What the council is asked; with one expert the plan is known."""
        return tuple(messages) if self.expert is None else self._alone(messages, documents)

    def _alone(self, messages: Sequence[Message], documents: Sequence[Document] = ()) -> Plan:
        """One step for the one expert."""
        if not messages or not messages[-1].content.strip():
            raise EmptyQuestion
        text = messages[-1].content
        step = Step(id="1", task=text, expert=str(self.expert))
        return Plan(
            question=text,
            steps=(step,),
            messages=tuple(messages[:-1]),
            documents=tuple(documents),
        )

    def stream_sync(self, messages: Sequence[Message]) -> Generator[Event, None, None]:
        """`stream` for code that is not async."""
        question = self._question(messages)
        stream = self.council.stream_sync(
            question, experts=self.experts, limits=self.limits, strict=True
        )
        with closing(stream) as events:
            for event in events:
                if not _is_empty(event):
                    yield event


def asked(
    target: Expert | Council | str,
    *,
    council: Council | None = None,
    experts: Sequence[str] | None = None,
    limits: Limits | None = None,
) -> Asked:
    """Who is asked where a bridge is given a council, an expert, or an expert's id.

    Args:
        target: who answers; an id is that of one of `council`'s experts.
        council: whose models, limits and tools an expert uses. It is added to this council. If
            none is given, a council of the installed experts is made, with this one beside them.
        experts: the only experts that a council may choose.
        limits: what a question may cost.

    Raises:
        UnknownExpert: no expert of the council has this id.
    """
    if isinstance(target, Council):
        chosen = tuple(experts) if experts is not None else None
        return Asked(council=target, experts=chosen, limits=limits)
    host = council or Council.from_installed()
    if isinstance(target, Expert):
        host.registry.add(target)
        return Asked(council=host, expert=target.id, limits=limits)
    if target not in host.registry.entries:
        raise UnknownExpert(target, host.registry.entries)
    return Asked(council=host, expert=target, limits=limits)


def conversation(text: str) -> tuple[Message, ...]:
    """A question that nothing was said before."""
    return (Message(role="user", content=text),)


def words(event: Event) -> str:
    """What an event adds to an answer that is read as one text; its footer comes last."""
    match event:
        case Token(answer=True):
            return event.text
        case Answered():
            return event.answer.with_footer.removeprefix(event.answer.text)
        case _:
            return ""


def _is_empty(event: Event) -> bool:
    """Whether it is an end with nothing answered, which an error follows."""
    return isinstance(event, Answered) and not event.answer.parts
