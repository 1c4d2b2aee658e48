"""Errors about what was asked or configured."""

from __future__ import annotations

from collections.abc import Iterable

from metier.errors.root import MetierError, nearest


class InvalidInput(MetierError):
    """The request cannot be processed."""

    code = "invalid_input"


class EmptyQuestion(InvalidInput):
    """The input contains no question."""

    code = "empty_question"

    def __init__(self) -> None:
        super().__init__("the question is empty", hint='Try: metier ask "What is 15% of 80?"')


class UnreadableInput(InvalidInput):
    """A file or stream that is not text."""

    code = "unreadable_input"

    def __init__(self, source: str, *, reason: str = "it is not UTF-8 text") -> None:
        super().__init__(
            f"{source} cannot be read: {reason}",
            hint="metier reads plain text and Markdown; convert the file to text first",
        )


class InvalidPlan(InvalidInput):
    """A plan that is not a runnable DAG."""

    code = "invalid_plan"


class InvalidCard(MetierError):
    """A `domain.toml` that cannot be used; the message names file and key."""

    code = "invalid_card"


class InvalidSettings(MetierError):
    """A setting with an unknown name or an impossible value."""

    code = "invalid_settings"


class UnknownExpert(MetierError):
    """No expert has this id."""

    code = "unknown_expert"

    def __init__(self, expert: str, known: Iterable[str]) -> None:
        super().__init__(
            f"no expert is called {expert!r}{nearest(expert, known)}",
            hint="See: metier experts list",
        )
        self.expert = expert


class PluginBroken(MetierError):
    """A plugin whose code cannot be imported or built."""

    code = "plugin_broken"

    def __init__(self, plugin: str, reason: str) -> None:
        super().__init__(
            f"plugin {plugin!r} is broken: {reason}",
            hint=f"Reinstall it, or leave it out. See: metier experts show {plugin}",
        )
