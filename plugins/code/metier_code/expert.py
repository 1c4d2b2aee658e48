"""The expert itself."""

from __future__ import annotations

from typing import Annotated

from metier import Context, Expert, Task, skill
from metier.expert import messages_for
from metier_code.fences import blocks, fenced, is_python


class Code(Expert):
    """Answers with code in a fenced block, and says where Python does not parse."""

    async def answer(self, task: Task, context: Context) -> str:
        """One model call; the fence and the check of its syntax are the program's."""
        text = fenced(await context.complete(messages_for(self.card, task)))
        found = [block for block in blocks(text) if block.language in ("python", "py")]
        if not found:
            return text
        parses = all(is_python(block.code) for block in found)
        context.mark_checked(parses)
        return text if parses else f"{text}\n\nNote: this Python does not parse."

    @skill
    def extract(self, text: Annotated[str, "text with fenced code blocks"]) -> str:
        """The code of a text's fenced blocks, without the text around it."""
        return "\n\n".join(block.code for block in blocks(text))

    @skill
    def parses(self, code: Annotated[str, "Python source"]) -> bool:
        """Whether a text is Python that parses. It is not run."""
        return is_python(code)
