"""One answer from several results: the general model joins them, the program places them.

A small model that retypes a result changes it, and one that may write on invents. So it sees what
the steps were asked, and no result: it writes one short line for each and `{{step:2}}` where the
result belongs. The program puts the results there, drops lines that say something of their own or
in another language than the asker's (`announcing.py`), appends what was left out, and reads no
further once every result has its place.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from metier.engine.announcing import Announcing
from metier.engine.language import NAMES, languages_of
from metier.events import StepDone
from metier.experts.expert import delimited
from metier.models.server import Sampling
from metier.plan import Message, Plan
from metier.planning.splitting.request import request_of

MAX_TOKENS = 160
# As much of the composer's own words is read: several times what its tokens can hold.
MAX_CHARS = 4000
# The composer may not write code or imitate the delimiters: both end its text.
STOP = ("```", "<task", "</task")
# Enough of a task to say what it is about: how it begins, and what it asks at its end.
_SHOWN_CHARS = 80
_PROMPT = (
    "You write the headings of an answer to several tasks; the program puts the answers under "
    "them. For each task write one heading of two to eight words of the task, then {{step:N}} on a "
    "line of its own. Never do a task, never copy one. Use the language of the tasks."
)
_EXAMPLE_ASKED = """\
<task step="1">
A train leaves Leeds at nine with 40 people on board and stops at eleven towns … in
every second one. How many people are on the train when it arrives?
</task>
<task step="2">
Give me a recipe for pancakes.
</task>

Template with {{step:1}}, {{step:2}}:"""
_EXAMPLE_REPLY = """\
People on the train:
{{step:1}}

Recipe for pancakes:
{{step:2}}"""
_PLACE = re.compile(r"\{\{\s*step\s*+:?\s*+([A-Za-z0-9_]{1,32})\s*\}\}")
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+|\n+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """What to ask the general model, and how."""

    messages: tuple[Message, ...]
    sampling: Sampling


def composition(plan: Plan, results: Sequence[StepDone], *, seed: int) -> Composition:
    """The call that composes an answer."""
    listed = "\n".join(
        delimited("task", _shortened(result.task), step=result.step_id or "") for result in results
    )
    places = ", ".join(f"{{{{step:{result.step_id}}}}}" for result in results)
    template = f"Template{_language_of(request_of(plan.question).text)} with {places}:"
    return Composition(
        messages=(
            Message(role="system", content=_PROMPT),
            Message(role="user", content=_EXAMPLE_ASKED),
            Message(role="assistant", content=_EXAMPLE_REPLY),
            Message(role="user", content=f"{listed}\n\n{template}"),
        ),
        sampling=Sampling(max_tokens=MAX_TOKENS, stop=STOP, seed=seed),
    )


def _shortened(task: str) -> str:
    whole = request_of(task).text.strip()
    if len(whole) <= 2 * _SHOWN_CHARS:
        return whole
    return f"{whole[:_SHOWN_CHARS]} … {whole[-_SHOWN_CHARS:]}"


def _language_of(question: str) -> str:
    """Names a language that the example, which is English, does not show."""
    found = languages_of(question)
    return f" in {NAMES[next(iter(found))]}" if len(found) == 1 and "en" not in found else ""


class Placer:
    """Puts results where the composer wrote their places, while it writes.

    The composer's own words are held back until the place that they announce, so that a line that
    says something of its own, or announces nothing, never gets out.
    """

    def __init__(self, question: str, results: Sequence[StepDone]) -> None:
        self._results = {result.step_id or "": result for result in results}
        self._announcing = Announcing(
            question, [result.task for result in results], [result.text for result in results]
        )
        self._held = ""
        self._chars = 0
        self._placed: set[str] = set()
        self._begun = False

    @property
    def complete(self) -> bool:
        """Whether every result has its place, or the composer writes on and on."""
        return len(self._placed) == len(self._results) or self._chars > MAX_CHARS

    def take(self, text: str) -> str:
        """What may go out after this piece."""
        text = text[: MAX_CHARS + 1 - self._chars]
        self._chars += len(text)
        self._held += text
        out = ""
        while match := _PLACE.search(self._held):
            words, self._held = self._held[: match.start()], self._held[match.end() :]
            if match[1] in self._results and match[1] not in self._placed:
                out += self._words(words) + self._result(match[1])
        return out

    def finish(self) -> str:
        """The results that the composer left out; words that announce nothing go."""
        self._held = ""
        return "".join(self._result(step_id) for step_id in self._results)

    def _words(self, text: str) -> str:
        """The composer's own words, less the sentences that claim something of their own."""
        kept: list[str] = []
        position = 0
        for match in [*_SENTENCE_END.finditer(text), None]:
            end = match.end() if match else len(text)
            sentence = text[position:end]
            position = end
            if self._announcing.may_say(sentence):
                kept.append(sentence)
        return self._block("".join(kept))

    def _result(self, step_id: str) -> str:
        if step_id not in self._results or step_id in self._placed:
            return ""
        self._placed.add(step_id)
        return self._block(self._results[step_id].text)

    def _block(self, text: str) -> str:
        """A text with an empty line between it and the one before."""
        text = text.strip()
        lead = "\n\n" if text and self._begun else ""
        self._begun = self._begun or bool(text)
        return lead + text


async def placed(pieces: AsyncIterator[str], placer: Placer) -> AsyncIterator[str]:
    """The composer's stream with the results in their places, up to the last of them."""
    async for piece in pieces:
        if out := placer.take(piece):
            yield out
        if placer.complete:
            return


def numbered(results: Sequence[StepDone]) -> str:
    """The results as they are, where composing failed."""
    return "\n\n".join(
        f"{n}. {result.task}\n\n{result.text.strip()}" for n, result in enumerate(results, 1)
    )
