"""What came out of a question."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class Usage(_Frozen):
    """What model calls cost. Tokens are the server's own counts; seconds are wall time.

    Attributes:
        load_s: the time that the server spent on loading models.
        prompt_s: the time it spent on reading prompts.
        decode_s: the time it spent on writing.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    load_s: float = 0.0
    prompt_s: float = 0.0
    decode_s: float = 0.0
    total_s: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        pairs = zip(self, other, strict=True)
        return Usage(**{name: mine + theirs for (name, mine), (_, theirs) in pairs})


class Source(_Frozen):
    """Where a statement comes from.

    Attributes:
        name: a document, a file or a tool.
        place: page, line or section in it.
        quote: words that stand there.
    """

    name: str
    place: str = ""
    quote: str = ""


class Vote(_Frozen):
    """One of the answers from which a step's was made.

    Attributes:
        model: which gave it; empty where no model was asked.
        answer: what it answers, in one way to write it; the beginning of a free text. Empty where
            it gives none.
        weight: what it counted for.
        confidence: how sure its expert or its model was, between 0 and 1.
        chosen: whether the step's answer is this one, or the same.
        error: the code of what went wrong, where there is no answer.
    """

    expert: str
    model: str = ""
    answer: str = ""
    weight: float = 1.0
    confidence: float | None = None
    chosen: bool = False
    error: str | None = None


class Span(_Frozen):
    """A piece of an answer that one of several models wrote."""

    model: str
    text: str


class StepResult(_Frozen):
    """What an expert gave for a step.

    Attributes:
        checked: whether a check of the program confirmed it; None if nothing did, and nothing spoke
            against it.
        how_checked: what that check was, such as `2 of 2 programs agree`; empty if not known.
        confidence: how probable the expert finds it that the answer is right, between 0 and 1;
            None if it does not say.
        abstained: whether the text only says that the expert is not sure enough to answer.
        votes: the answers that it was made of; empty if there was one.
        spans: who wrote what, if several models wrote one text.
        warnings: what of the text must reach the reader word for word.
        values: what steps that need this one can work with, by name, each with its unit.
    """

    text: str
    expert: str
    models: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    checked: bool | None = None
    how_checked: str = ""
    confidence: float | None = None
    abstained: bool = False
    votes: tuple[Vote, ...] = ()
    spans: tuple[Span, ...] = ()
    warnings: tuple[str, ...] = ()
    values: dict[str, str] = Field(default_factory=dict)

    def shared(self) -> dict[str, Any]:
        """The fields that each kind of result has, to make another kind of it."""
        return {name: getattr(self, name) for name in StepResult.model_fields}


class Part(StepResult):
    """A step's result as a part of an answer.

    Attributes:
        strategy: how several answers became this one.
    """

    step_id: str
    task: str
    strategy: str = "single"


class Missing(_Frozen):
    """A step that was not answered, and why."""

    step_id: str
    task: str
    expert: str
    code: str
    reason: str


class Answer(_Frozen):
    """The text, who wrote its parts, what it cost, and what is missing from it.

    Attributes:
        text: the answer alone; whatever shows it to people adds the footer in its own way.
        parts: in the order of the plan.
        notices: disclaimers of the experts that took part.
        composed: whether the text is one that the general model wrote from several parts.
    """

    question: str
    text: str
    parts: tuple[Part, ...] = ()
    missing: tuple[Missing, ...] = ()
    notices: tuple[str, ...] = ()
    usage: Usage = Usage()
    composed: bool = False

    @property
    def complete(self) -> bool:
        """Whether every step was answered."""
        return not self.missing

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources of all parts, each once."""
        return tuple(dict.fromkeys(source for part in self.parts for source in part.sources))

    @property
    def footer(self) -> str:
        """Plain text to show below the answer: who answered, what is missing, the notices."""
        lines = list(self.notices)
        if self.missing and self.parts:
            named = ", ".join(f"{step.task!r} ({step.expert})" for step in self.missing)
            lines.insert(0, f"Not answered: {named}")
        if len(self.parts) > 1:
            named = ", ".join(f"{n} {part.expert}" for n, part in enumerate(self.parts, 1))
            lines.insert(0, f"— answered by: {named}")
        return "\n\n".join(lines)

    @property
    def with_footer(self) -> str:
        """The text and its footer, for a reader who gets nothing but one text."""
        return f"{self.text}\n\n{self.footer}" if self.footer else self.text
