"""The last stored conversation, to continue it."""

from __future__ import annotations

from metier.cli.chat.conversation import Turn
from metier.plan import Message
from metier.runs.store import RunStore
from metier.settings import Settings


def last_conversation(settings: Settings) -> tuple[tuple[Message, ...], list[Turn]]:
    """Return the messages before its first stored question, and its turns, oldest first.

    Raises:
        UnknownRun: no question has been answered yet.
        RunStoreUnavailable: the runs cannot be read.
    """
    with RunStore.of(settings) as store:
        last = store.last_answered()
        runs = [store.load(summary.id) for summary in store.conversation(last.id)]
    turns = [
        Turn(question=run.question, answer=run.folded, plan=run.plan) for run in runs if run.plan
    ]
    return (turns[0].plan.messages if turns else ()), turns
