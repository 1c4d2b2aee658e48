"""The items of a response's output, and their events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

Event = dict[str, object]


class Item(Protocol):
    """A part of the output that is being written."""

    prefix: ClassVar[str]

    def begin(self) -> list[Event]:
        """The events that open it."""
        ...

    def add(self, text: str) -> Event:
        """The event of a piece."""
        ...

    def end(self, sources: Sequence[Event], *, cut: bool) -> list[Event]:
        """The events that close it.

        Args:
            cut: whether it is only the beginning.
        """
        ...

    def item(self) -> Event:
        """The item as the response holds it."""
        ...


class Reasoning:
    """Progress, as the summary of a reasoning."""

    prefix: ClassVar[str] = "rs"

    def __init__(self, name: str) -> None:
        self._name = name
        self._texts: list[str] = []

    def begin(self) -> list[Event]:
        """The events that open it."""
        part = {"type": "summary_text", "text": ""}
        added = self.item() | {"status": "in_progress"}
        return [
            {"type": "response.output_item.added", "item": added},
            self._about("response.reasoning_summary_part.added", part=part),
        ]

    def add(self, text: str) -> Event:
        """The event of a piece."""
        self._texts.append(text)
        return self._about("response.reasoning_summary_text.delta", delta=text)

    def end(self, sources: Sequence[Event], *, cut: bool) -> list[Event]:
        """The events that close it; it has no sources, and is never cut."""
        text = "".join(self._texts)
        part = {"type": "summary_text", "text": text}
        return [
            self._about("response.reasoning_summary_text.done", text=text),
            self._about("response.reasoning_summary_part.done", part=part),
            {"type": "response.output_item.done", "item": self.item()},
        ]

    def item(self) -> Event:
        """The item as the response holds it."""
        text = "".join(self._texts)
        summary = [{"type": "summary_text", "text": text}] if text else []
        return {"id": self._name, "type": "reasoning", "summary": summary, "status": "completed"}

    def _about(self, kind: str, **fields: object) -> Event:
        return {"type": kind, "item_id": self._name, "summary_index": 0, **fields}


class Answering:
    """The words of the answer."""

    prefix: ClassVar[str] = "msg"

    def __init__(self, name: str) -> None:
        self._name = name
        self._texts: list[str] = []
        self._sources: list[Event] = []
        self._status = "completed"

    def begin(self) -> list[Event]:
        """The events that open it."""
        added = self.item() | {"content": [], "status": "in_progress"}
        return [
            {"type": "response.output_item.added", "item": added},
            self._about("response.content_part.added", part=self._part()),
        ]

    def add(self, text: str) -> Event:
        """The event of a piece."""
        self._texts.append(text)
        return self._about("response.output_text.delta", delta=text, logprobs=[])

    def end(self, sources: Sequence[Event], *, cut: bool) -> list[Event]:
        """The events that close it, with what it cites."""
        self._sources = list(sources)
        self._status = "incomplete" if cut else "completed"
        added = [
            self._about(
                "response.output_text.annotation.added", annotation=each, annotation_index=index
            )
            for index, each in enumerate(sources)
        ]
        part = self._part()
        return [
            *added,
            self._about("response.output_text.done", text=part["text"], logprobs=[]),
            self._about("response.content_part.done", part=part),
            {"type": "response.output_item.done", "item": self.item()},
        ]

    def item(self) -> Event:
        """The item as the response holds it."""
        return {
            "id": self._name,
            "type": "message",
            "role": "assistant",
            "status": self._status,
            "content": [self._part()],
        }

    def _part(self) -> Event:
        return {
            "type": "output_text",
            "text": "".join(self._texts),
            "annotations": self._sources,
            "logprobs": [],
        }

    def _about(self, kind: str, **fields: object) -> Event:
        return {"type": kind, "item_id": self._name, "content_index": 0, **fields}
