"""Kept runs in which each place of a run holds one of the texts that try to become markup."""

from __future__ import annotations

from collections.abc import Sequence

from metier.answer import Answer, Missing, Part, Source, Span, Usage, Vote
from metier.events import Answered, Event, Notice, PlanReady, StepDone, StepFailed, StepStarted
from metier.plan import Candidate, Document, Message, Plan, Step
from metier.runs.run import Versions
from metier.runs.store import RunStore


def keep(store: RunStore, texts: Sequence[str]) -> str:
    """Keep one run with a step for each text, half of them failed; its id."""
    steps = tuple(_step(str(n), text) for n, text in enumerate(texts, 1))
    documents = tuple(Document(name=text, text=f"before {text} after") for text in texts)
    asked = [Message(role=role, content=text) for text in texts for role in ("user", "assistant")]
    messages = (*asked, Message(role="user", content=texts[0]))
    plan = Plan(question=texts[0], steps=steps, documents=documents, messages=messages)
    run_id = "0" * 32
    events: list[Event] = [PlanReady(run_id=run_id, plan=plan)]
    for n, text in enumerate(texts, 1):
        events.append(StepStarted(step_id=str(n), expert="math", task=text))
        events.append(_done(str(n), text) if n % 2 else _failed(str(n), text))
        events.append(Notice(text=text, answer=True))
    parts = tuple(
        Part(step_id=each.step_id or "", task=each.task, **each.shared())
        for each in events
        if isinstance(each, StepDone)
    )
    missing = tuple(
        Missing(step_id=each.step_id or "", **_shared(each))
        for each in events
        if isinstance(each, StepFailed)
    )
    answer = Answer(
        question=texts[0],
        text="\n\n".join(texts),
        parts=parts,
        missing=missing,
        notices=tuple(texts),
        usage=Usage(),
    )
    events.append(Answered(answer=answer))
    numbered = [
        each.model_copy(update={"seq": n, "run_id": run_id}) for n, each in enumerate(events)
    ]
    run = store.begin(run_id, texts[0], Versions(metier="1", embedder="e"))
    store.add_events(run, numbered)
    store.end(run, "answered")
    for n, text in enumerate(texts, 1):
        broken = store.begin(f"{n:032x}", text, Versions(metier="1", embedder="e"))
        store.end(broken, "failed", error=text)
    return run_id


def _step(name: str, text: str) -> Step:
    candidate = Candidate(
        expert="math", score=0.5, probability=0.5, capability="all", example=text, words=(text,)
    )
    return Step(id=name, task=text, expert="math", candidates=(candidate,), reason=text)


def _done(name: str, text: str) -> StepDone:
    vote = Vote(expert="math", model=text, answer=text, chosen=True)
    return StepDone(
        step_id=name,
        task=text,
        expert="math",
        text=text,
        models=(text,),
        sources=(Source(name=text, place=text, quote=text), Source(name=text, quote="not there")),
        checked=True,
        how_checked=text,
        votes=(vote,),
        spans=(Span(model=text, text=text),),
        warnings=(text,),
        values={text: text},
    )


def _failed(name: str, text: str) -> StepFailed:
    return StepFailed(
        step_id=name, task=text, expert="math", code="model_server_failed", reason=text
    )


def _shared(event: StepFailed) -> dict[str, str]:
    return {name: getattr(event, name) for name in ("task", "expert", "code", "reason")}
