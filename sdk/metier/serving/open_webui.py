"""Open WebUI: its own events for status and sources, and its requests that are not questions.

It is recognised by the headers that docs/serving.md adds to its connection. Beside each question,
it asks the same model for a title, tags and follow-up questions: those are answered here, without
the council.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence

from metier.answer import Answer, Source
from metier.events import (
    Answered,
    Event,
    Notice,
    PlanReady,
    StepDone,
    StepFailed,
    StepStarted,
    Token,
)
from metier.plan import Message
from metier.serving.progress import one_line, progress_of

_HEADERS = "x-openwebui-"
_TASK = f"{_HEADERS}task"
# The key of the JSON object that each task wants.
_KEYS = {
    "title_generation": "title",
    "tags_generation": "tags",
    "follow_up_generation": "follow_ups",
    "query_generation": "queries",
    "autocomplete_generation": "text",
    "image_prompt_generation": "prompt",
}
_TEXT_TASKS = {"emoji_generation", "function_calling"}
# A text to write of several answers: for one expert, not for a planner.
_MERGING = "moa_response_generation"
_HISTORY, _HISTORY_END, _ASKED = "<chat_history>", "</chat_history>", "USER:"
_LAST_ASKED = re.compile(r"(?:^|\n)USER:")
_TITLE_WORDS = 6
_LONGEST_TITLE = 60
_LONGEST_QUERY = 400


def is_open_webui(headers: Mapping[str, str]) -> bool:
    """Whether a request is from Open WebUI."""
    return any(name.lower().startswith(_HEADERS) for name in headers)


def task_of(headers: Mapping[str, str], messages: Sequence[Message], *, stream: bool) -> str | None:
    """The task of a call that is not a question; None for a question.

    Without its header a task is known by its template. `### Task:` alone is not enough: the
    template that wraps documents around a real question begins so, too.
    """
    named = headers.get(_TASK, "")
    if named in _KEYS or named in _TEXT_TASKS:
        return named
    if named or stream or len(messages) != 1:
        return None
    text = messages[0].content
    if not text.lstrip().startswith("### Task:") or _HISTORY not in text:
        return None
    return next((task for task, key in _KEYS.items() if f'"{key}"' in text), None)


def merges_answers(headers: Mapping[str, str]) -> bool:
    """Whether a request is for one text made of several models' answers, which it holds."""
    return headers.get(_TASK) == _MERGING


async def task_events(task: str, messages: Sequence[Message]) -> AsyncGenerator[Event, None]:
    """The reply to a task, as a run that asked no expert."""
    text = _reply(task, messages[-1].content)
    yield Token(text=text, answer=True)
    yield Answered(answer=Answer(question=messages[-1].content, text=text))


def status_of(event: Event) -> list[dict[str, object]]:
    """The events that its page shows beside the answer."""
    match event:
        case PlanReady():
            experts = " → ".join(step.expert for step in event.plan.steps)
            return [_status(f"plan: {experts}")]
        case StepStarted():
            return [_status(f"{event.expert}: {one_line(event.task)}")]
        case StepDone():
            return [*map(_source, event.sources), _status(f"{event.expert} is done")]
        case Notice(answer=True):
            return [{"type": "notification", "data": {"type": "warning", "content": event.text}}]
        case StepFailed() | Notice():
            return [_status(progress_of(event) or "")]
        case _:
            return []


def finished(answer: Answer) -> dict[str, object]:
    """The status of a complete answer; without it the page keeps showing progress.

    It stays above the answer, so it has what a reader must see: what is missing, and the notices.
    """
    experts = ", ".join(dict.fromkeys(part.expert for part in answer.parts)) or "nobody"
    missing = [f"not answered: {one_line(each.task)} ({each.expert})" for each in answer.missing]
    notices = [" ".join(notice.split()) for notice in answer.notices]
    return _status(" · ".join([f"answered by {experts}", *missing, *notices]), done=True)


def _status(description: str, *, done: bool = False) -> dict[str, object]:
    return {"type": "status", "data": {"description": description, "done": done}}


def _source(source: Source) -> dict[str, object]:
    """One source; its lists have an entry for each passage."""
    name = f"{source.name}, {source.place}" if source.place else source.name
    data = {
        "source": {"name": name, "id": name},
        "document": [source.quote],
        "metadata": [{"source": name, "name": name}],
    }
    return {"type": "source", "data": data}


def _reply(task: str, text: str) -> str:
    if task not in _KEYS:
        return ""
    key = _KEYS[task]
    asked = _last_question(text)
    values: dict[str, object] = {
        "title": _title(text),
        "queries": [asked] if asked else [],
        "prompt": asked,
        "text": "",
    }
    return json.dumps({key: values.get(key, [])}, ensure_ascii=False)


def _title(text: str) -> str:
    """The first words of the first question."""
    history = text.partition(_HISTORY)[2] or text
    asked = history.partition(_ASKED)[2] or history
    words = " ".join(asked[:400].partition("ASSISTANT:")[0].split()[:_TITLE_WORDS])
    return words[:_LONGEST_TITLE] or "metier"


def _last_question(text: str) -> str:
    """The user's last question of the conversation, on one line."""
    said = text.partition(_HISTORY)[2].rpartition(_HISTORY_END)[0]
    *_, asked = _LAST_ASKED.split(said)
    return " ".join(asked.partition("\nASSISTANT:")[0].split())[:_LONGEST_QUERY]
