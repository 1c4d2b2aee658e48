"""The expert itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from metier import Context, Expert, Task, skill
from metier.expert import messages_for
from metier_medical.red_flags import URGENT, red_flags


class Medical(Expert):
    """Answers by its card's safety rules; the program itself names signs that need urgent care."""

    async def answer(self, task: Task, context: Context) -> AsyncIterator[str]:
        """One model call, streamed; an urgent sign in the question is named before it."""
        if signs := red_flags(task.text):
            yield f"Urgent: {', '.join(signs)}. {URGENT}\n\n"
        async for piece in context.stream(messages_for(self.card, task)):
            yield piece

    @skill
    def urgent_signs(self, text: Annotated[str, "what somebody tells of their state"]) -> str:
        """Signs in a text that need urgent care, separated by commas; empty where none is."""
        return ", ".join(red_flags(text))
