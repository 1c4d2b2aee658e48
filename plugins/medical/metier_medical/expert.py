"""The expert itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from metier import Context, Document, Expert, Task, tool
from metier.answer import Source
from metier.experts.expert import messages_for
from metier.experts.threads import in_thread
from metier.grading import choices_in
from metier_medical import icd10
from metier_medical.closed import chosen
from metier_medical.dosing import TITLE, TOOL, computed, dosing_in
from metier_medical.judging import judges, only_judges
from metier_medical.notes import notes_on
from metier_medical.ranges import readings_in
from metier_medical.red_flags import URGENT, red_flags

_MAX_NOTES = 3
VALUED = "Name the range or category that the value falls in, in a whole sentence."
# How sure a small model says that it is tells nothing (docs/results/end-to-end.md): so this is said
# wherever nothing else speaks for its words.
UNCHECKED = "Not checked: this is what the model remembers, and no document or note bears it out."


class Medical(Expert):
    """Answers by its card's safety rules, and by its notes on the medicines that are named.

    Signs that need urgent care are named by the program, before the model says a word.
    """

    async def answer(self, task: Task, context: Context) -> AsyncIterator[str]:
        """One model call, and then the notes and codes: no model shortens them.

        Where a value lies in its reference range is said first, by the program; a step that asks
        for nothing else needs no model.

        From the user's own documents where they have something on it, or from those that came
        with the question, with checked quotes; where there is no document and no note, the answer
        says that it was not checked. Where the question gives choices, the one that the model
        finds likeliest, or none.
        """
        if signs := await in_thread(red_flags, task.text):
            urgent = f"Urgent: {', '.join(signs)}. {URGENT}"
            context.warn(urgent)
            yield f"{urgent}\n\n"
        notes = [*await _arithmetic(task, context), *await _notes_for(task.text)]
        if choices := await in_thread(choices_in, task.text):
            yield await chosen(choices, await self.with_passages(task, context), self.card, context)
            return
        readings = await in_thread(readings_in, task)
        placed = [(reading.source, reading.text()) for reading in readings]
        for source, _ in placed:
            context.cite(source)
        if placed:
            yield "\n\n".join(text for _, text in placed)
            if only_judges(task) and not notes:
                context.mark_checked(True, how="compared with reference ranges; no model wrote it")
                return
            yield "\n\n"
        documents = tuple(
            Document(name=source.name, text=text) for source, text in (*placed, *notes)
        )
        grounded = replace(task, documents=(*task.documents, *documents))
        found = await self._quoted(task, grounded, context)
        if found is not None:
            yield found
        else:
            valued = any(each.given for each in task.inputs) and not readings
            extra = VALUED if valued and judges(task.text) else ""
            async for piece in context.stream(messages_for(self.card, grounded, extra=extra)):
                yield piece
            if not grounded.documents:
                context.warn(UNCHECKED)
                yield f"\n\n{UNCHECKED}"
        for source, text in notes:
            context.cite(source)
            context.warn(text)
            yield f"\n\n{text}"

    async def _quoted(self, task: Task, grounded: Task, context: Context) -> str | None:
        """An answer from the user's documents; None if there are none on the task."""
        found = await self.from_documents(grounded, context)
        if found is None and task.documents:  # the notes alone are shown anyway
            found = await self.from_given(grounded, context)
        return found

    @tool
    def urgent_signs(self, text: Annotated[str, "what somebody tells of their state"]) -> str:
        """Signs in a text that need urgent care, separated by commas; empty where none is."""
        return ", ".join(red_flags(text))

    @tool
    def drug_notes(self, text: Annotated[str, "a text that names medicines"]) -> str:
        """Safety notes on the medicines that a text names; empty where none is known."""
        return "\n\n".join(note.text() for note in notes_on(text))

    @tool
    def icd10(self, text: Annotated[str, "a code such as E11.9, or a diagnosis in words"]) -> str:
        """ICD-10-CM entries by code or by words; empty where none is known."""
        return icd10.listing(icd10.looked_up(text))


async def _arithmetic(task: Task, context: Context) -> list[tuple[Source, str]]:
    """What the math expert computes of a dose by weight, where it is installed."""
    evaluate = context.tool(TOOL)
    texts = (task.text, *(document.text for document in task.documents))
    dosing = await in_thread(dosing_in, *texts) if evaluate is not None else None
    if dosing is None or evaluate is None:
        return []
    text = await computed(dosing, evaluate)
    return [(Source(name=TITLE, place=TOOL), text)] if text else []


async def _notes_for(text: str) -> list[tuple[Source, str]]:
    """What the program itself knows on a question, with where it comes from."""
    notes = [
        (Source(name=note.title, place="metier-medical, drugs.toml"), note.text())
        for note in (await in_thread(notes_on, text))[:_MAX_NOTES]
    ]
    if icd10.is_about_codes(text):
        codes = await in_thread(icd10.looked_up, text)
        if codes:
            source = Source(name=icd10.SOURCE, place=icd10.release())
            notes.append((source, icd10.listing(codes)))
    return notes
