"""What came out of a question."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


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


class Part(_Frozen):
    """One step's result, as its expert gave it.

    Attributes:
        checked: whether the program checked it; None where there is nothing to check.
        confidence: how probable the expert finds it that the answer is right; None where it
            does not say.
        abstained: whether the text only says that the expert is not sure enough to answer.
    """

    step_id: str
    task: str
    expert: str
    text: str
    models: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    checked: bool | None = None
    confidence: float | None = None
    abstained: bool = False


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
        parts: in the order of the plan.
        notices: sentences that the program added, such as a card's.
        composed: whether the general model joined several parts.
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
