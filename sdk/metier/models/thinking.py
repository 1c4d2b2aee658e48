"""Thinking kept apart from the answer, also if the server does not do it."""

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
        self._blank: list[str] = []
        self._state = "start"

    def passed(self, chunk: Chunk) -> Chunk:
        """The chunk with its text sorted; text that may be half a tag waits for the next."""
        if self._state == "text":
            return chunk
        if self._state == "start" and not self._held and not chunk.text.strip() and not chunk.done:
            # Kept apart, so that a reply of nothing but spaces is not read again with every piece.
            self._blank.append(chunk.text)
            return replace(chunk, text="")
        self._held += "".join(self._blank) + chunk.text
        self._blank.clear()
        text, thinking = self._sorted()
        if chunk.done:
            rest, self._held = self._held, ""
            if self._state == "think":
                thinking += rest
            else:
                text += rest
        return replace(chunk, text=text, thinking=chunk.thinking + thinking)

    def _sorted(self) -> tuple[str, str]:
        if self._state == "start":
            seen = self._held.lstrip()
            if len(seen) < len(_OPEN) and _OPEN.startswith(seen):
                return "", ""
            if not seen.startswith(_OPEN):
                return self._rest(), ""
            self._state, self._held = "think", seen.removeprefix(_OPEN)
        thinking = self._thinking() if self._state == "think" else ""
        if self._state == "think":
            return "", thinking
        # The space after a thought belongs to neither, also where it comes in later pieces.
        self._held = self._held.lstrip()
        return (self._rest() if self._held else ""), thinking

    def _thinking(self) -> str:
        thought, closed, after = self._held.partition(_CLOSE)
        if closed:
            self._state, self._held = "after", after
            return thought
        # Keep what may be the beginning of the closing tag.
        keep = next((n for n in range(len(_CLOSE), 0, -1) if thought.endswith(_CLOSE[:n])), 0)
        cut = len(thought) - keep
        self._held = thought[cut:]
        return thought[:cut]

    def _rest(self) -> str:
        text, self._held, self._state = self._held, "", "text"
        return text
