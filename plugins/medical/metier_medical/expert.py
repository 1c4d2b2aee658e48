"""The expert itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from metier import Context, Document, Expert, Task, skill
from metier.answer import Source
from metier.expert import messages_for
from metier_medical.notes import notes_on
from metier_medical.red_flags import URGENT, red_flags

_MAX_NOTES = 3


class Medical(Expert):
    """Answers by its card's safety rules, and by its notes on the medicines that are named.

    Signs that need urgent care are named by the program, before the model says a word.
    """

    async def answer(self, task: Task, context: Context) -> AsyncIterator[str]:
        """One model call, streamed, and then the notes themselves: no model shortens them."""
        if signs := red_flags(task.text):
            yield f"Urgent: {', '.join(signs)}. {URGENT}\n\n"
        notes = notes_on(task.text)[:_MAX_NOTES]
        documents = tuple(Document(name=note.title, text=note.text()) for note in notes)
        grounded = replace(task, documents=(*task.documents, *documents))
        async for piece in context.stream(messages_for(self.card, grounded)):
            yield piece
        for note in notes:
            context.cite(Source(name=note.title, place="metier-medical, drugs.toml"))
            yield f"\n\n{note.text()}"

    @skill
    def urgent_signs(self, text: Annotated[str, "what somebody tells of their state"]) -> str:
        """Signs in a text that need urgent care, separated by commas; empty where none is."""
        return ", ".join(red_flags(text))

    @skill
    def drug_notes(self, text: Annotated[str, "a text that names medicines"]) -> str:
        """Safety notes on the medicines that a text names; empty where none is known."""
        return "\n\n".join(note.text() for note in notes_on(text))
