"""From a question to its answer: planned, run, kept, and reported to telemetry."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio

from metier.council.inquiry import Inquiry
from metier.council.parts import Parts
from metier.errors import DeadlineExceeded, ModelMissing
from metier.models.server import full_name
from metier.models.turns import one_question
from metier.plan import Combining, Plan
from metier.runs.current import recorded_as

# The engine is imported when the first plan is run: `metier plan` must start fast.
if TYPE_CHECKING:
    from metier.answer import Answer
    from metier.council.council import Council
    from metier.engine.beforehand import Beforehand
    from metier.engine.engine import Limits, Outcome
    from metier.engine.recorder import Emit
    from metier.events import Event
    from metier.planning.planner import Planner
    from metier.runs.replaying import Replay
    from metier.runs.run import Run

T = TypeVar("T")


async def answered(parts: Parts, inquiry: Inquiry) -> Answer:
    """The answer, or an error if there is none."""
    run = answering(parts, inquiry)
    with parts.one_loop.use():
        outcome = await run(lambda _: None)
    outcome.raise_if_nothing()
    return outcome.answer


async def streamed(parts: Parts, inquiry: Inquiry, *, strict: bool) -> AsyncGenerator[Event, None]:
    """The events of a run, as they happen.

    Args:
        strict: raise the error after the last event if nothing could be answered.
    """
    from metier.engine.streaming import event_stream

    answer = answering(parts, inquiry)

    async def run(emit: Emit) -> None:
        outcome = await answer(emit)
        if strict:
            outcome.raise_if_nothing()

    with parts.one_loop.use():
        async with aclosing(event_stream(run)) as events:
            async for event in events:
                yield event


def answering(parts: Parts, inquiry: Inquiry) -> Callable[[Emit], Awaitable[Outcome]]:
    """What plans a question, unless it is a plan, and runs the plan; kept if runs are.

    Raises:
        EmptyQuestion: there is nothing to answer.
    """
    limits = inquiry.limits or parts.limits
    seed = parts.settings.seed if inquiry.seed is None else inquiry.seed

    async def answer(emit: Emit) -> Outcome:
        since = anyio.current_time()
        before, plan, notices = None, inquiry.asked, ()
        if not isinstance(plan, Plan):
            before = parts.beforehand(limits)
            plan, news = await _within(limits, _planned(parts, inquiry, before))
            notices = parts.without_embedder.once(news) if news else ()
        with one_question():
            return await parts.engine.run(
                plan,
                emit,
                limits=limits,
                before=before,
                notices=notices,
                since=since,
                results=inquiry.results,
                seed=seed,
            )

    keeping = parts.keeping if inquiry.keep else None
    if keeping is None and not parts.telemetry:
        return answer
    question, messages = inquiry.conversation()
    kept = answer
    if keeping is not None:
        results = inquiry.results
        kept = keeping.kept(question, messages, answer, seed=seed, results=results)
    if not parts.telemetry:
        return kept
    from metier.telemetry.following import followed

    return followed(parts.telemetry, question, kept)


async def planned(parts: Parts, inquiry: Inquiry) -> Plan:
    """Who would do what."""
    before = parts.beforehand()
    with parts.one_loop.use():
        plan, _ = await _planned(parts, inquiry, before)
    return plan


async def _planned(parts: Parts, inquiry: Inquiry, before: Beforehand | None) -> tuple[Plan, str]:
    """The plan, and what there is to say of how it was made."""
    plan, news = await _routed(parts, inquiry, before)
    if inquiry.combining != Combining():
        plan = plan.combined(inquiry.combining)
        parts.strategies.check(plan)
    return plan, news


async def _routed(parts: Parts, inquiry: Inquiry, before: Beforehand | None) -> tuple[Plan, str]:
    try:
        with recorded_as(None):  # the vectors of the index belong to no question
            planner = await parts.planning.planner()
        return await _planned_by(planner, inquiry, before), ""
    except ModelMissing as exc:
        if full_name(exc.model) != full_name(parts.settings.embed_model):
            raise
        missing = exc.model
    with recorded_as(None):
        other, news = await parts.without_embedder.planner(missing)
    if other is not None:
        return await _planned_by(other, inquiry, before), news
    from metier.planning.unrouted import unrouted

    text, messages = inquiry.conversation()
    documents, experts = inquiry.documents, inquiry.experts
    cards = parts.registry.cards
    plan = await unrouted(text, cards, messages=messages, documents=documents, experts=experts)
    return plan, news


async def _planned_by(planner: Planner, inquiry: Inquiry, before: Beforehand | None) -> Plan:
    text, messages = inquiry.conversation()
    if before is not None:
        from metier.planning.ask_to_split import asker

        planner = planner.with_asker(asker(before.reply))
    return await planner.plan(
        text, messages=messages, documents=inquiry.documents, experts=inquiry.experts
    )


async def replayed(run: Run, kind: type[Council], parts: Parts) -> Replay:
    """Run a kept run again from its own replies, in a council of the same experts."""
    from metier.runs.replaying import replay
    from metier.runs.versions import versions_of

    now = versions_of(parts.registry, parts.embedder, parts.settings)
    council_of = partial(kind, parts.registry, strategies=parts.given_strategies)
    return await replay(run, council_of, now=now, settings=parts.settings)


async def _within(limits: Limits, planned: Awaitable[T]) -> T:
    with anyio.move_on_after(limits.timeout_s):
        return await planned
    raise DeadlineExceeded(f"not planned within {limits.timeout_s:g} s")
