"""What the slots of a model have in their caches, as far as this process knows."""

from __future__ import annotations


class SlotPrompts:
    """The prompts that the slots of one model on one host read last.

    As Ollama does, a request takes the idle slot that read its prompt, else the one that was used
    longest ago.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._idle: list[str] = []  # the one used last at the end
        self._busy: list[str] = []

    def has(self, prompt: str, *, after_one_ends: bool) -> bool:
        """Whether the next request need not read a prompt.

        Args:
            after_one_ends: it will wait for a slot that is busy now.
        """
        return prompt in (self._busy if after_one_ends else self._idle)

    def take(self, prompt: str) -> None:
        """A request with this prompt begins."""
        if prompt in self._idle:
            self._idle.remove(prompt)
        self._busy.append(prompt)
        self._forget()

    def give_back(self, prompt: str) -> None:
        """A request with this prompt has ended."""
        self._busy.remove(prompt)
        self._idle.append(prompt)
        self._forget()

    def _forget(self) -> None:
        """Forget what other prompts have taken the place of."""
        room = max(0, self._slots - len(self._busy))
        del self._idle[: max(0, len(self._idle) - room)]
