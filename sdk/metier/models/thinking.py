"""Thinking kept apart from the answer, also where the server does not do it."""

from __future__ import annotations

from dataclasses import replace

from metier.models.server import Chunk

_OPEN, _CLOSE = "<think>", "</think>"


class ThinkingFilter:
    """Moves a leading `<think>…</think>` of a stream from `text` to `thinking`.

    Ollama does this itself for models whose template says so; a GGUF that was imported by hand
    has no such template.
    """

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"

    def passed(self, chunk: Chunk) -> Chunk:
        """The chunk with its text sorted; text that may be half a tag waits for the next."""
        if self._state == "text":
            return chunk
        self._held += chunk.text
        text, thinking = self._sorted()
        if chunk.done:
            text, self._held = (text + self._held, "") if self._state != "think" else (text, "")
        return replace(chunk, text=text, thinking=chunk.thinking + thinking)

    def _sorted(self) -> tuple[str, str]:
        thinking = ""
        if self._state == "start":
            seen = self._held.lstrip()
            if _OPEN.startswith(seen[: len(_OPEN)]) and len(seen) < len(_OPEN):
                return "", ""
            if not seen.startswith(_OPEN):
                return self._rest(), ""
            self._state, self._held = "think", seen.removeprefix(_OPEN)
        thought, closed, after = self._held.partition(_CLOSE)
        if closed:
            self._held = after.lstrip()
            return self._rest(), thought
        # Keep what may be the beginning of the closing tag.
        keep = next((n for n in range(len(_CLOSE), 0, -1) if thought.endswith(_CLOSE[:n])), 0)
        cut = len(thought) - keep
        thinking, self._held = thought[:cut], thought[cut:]
        return "", thinking

    def _rest(self) -> str:
        text, self._held, self._state = self._held, "", "text"
        return text
