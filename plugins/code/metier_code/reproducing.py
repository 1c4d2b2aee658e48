"""Running the program of a question about an error: what it does here is better than a guess."""

from __future__ import annotations

import re
from dataclasses import replace

from metier import Document, Task
from metier.sandbox import Outcome, Sandbox
from metier_code.fences import blocks, is_python

_ERROR = re.compile(
    r"\bTraceback \(most recent call last\)|^[ \t]*(?:[a-z]\w*\.)*[A-Z]\w*(?:Error|Exception)\b",
    re.MULTILINE,
)
_SEEN = "what running this code gives"


def program_in(task: Task) -> str:
    """The Python that a question shows together with an error; empty if it shows none."""
    texts = (task.text, *(document.text for document in task.documents))
    if not any(_ERROR.search(text) for text in texts):
        return ""
    shown = [block.code for text in texts for block in blocks(text)]
    shown += [document.text for document in task.documents]
    return next((code for code in shown if is_python(code)), "")


async def with_outcome(task: Task, program: str, sandbox: Sandbox) -> tuple[Task, str]:
    """The task with what its program does when it is run, and that in words for the answer.

    Nothing is added if no sandbox can run it, as with a package that is not there.
    """
    outcome = await sandbox.run(program)
    if not outcome.ran:
        return task, ""
    seen = _told(outcome)
    document = Document(name=_SEEN, text=seen)
    return replace(task, documents=(*task.documents, document)), f"The question's code, run: {seen}"


def _told(outcome: Outcome) -> str:
    return "it ends without an error." if outcome.status == "ok" else f"{outcome.why}."
