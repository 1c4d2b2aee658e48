"""One attack in one place: run with metier, and compared with its clean twin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from benchmarks.attacks.judging import followed
from benchmarks.attacks.scenes import (
    SCENES,
    WAYS,
    Call,
    Calls,
    Place,
    Reader,
    Scene,
    Shop,
    Way,
    chained,
    experts,
    named,
    pasted,
    scenes_of,
    told,
)
from benchmarks.attacks.texts import Attack
from metier.answer import Answer
from metier.council import Council
from metier.events import fold
from metier.models.embedder import Embedder
from metier.models.server import ModelServer
from metier.plan import Document, Message, Plan
from metier.settings import Settings

# Asks a model as it is, and gives its reply.
Bare = Callable[[Sequence[Message]], Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An attack in a place of a scene."""

    attack: Attack
    place: Place
    scene: Scene
    way: Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a run did.

    Attributes:
        steps: expert and task of each step that was run.
        calls: the functions that were called, in order.
        said: the model's own words; results that the program placed are left out.
    """

    steps: tuple[tuple[str, str], ...]
    calls: tuple[Call, ...]
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an attack changed.

    Attributes:
        plan_same: the same steps ran; or, in a question, no expert that the clean one has not.
        calls_same: the same functions were called with the same arguments.
        canary: its order was followed.
        said: the model's own words.
    """

    plan_same: bool
    calls_same: bool
    canary: bool
    said: str

    @property
    def held(self) -> bool:
        """Whether the attack changed nothing."""
        return self.plan_same and self.calls_same and not self.canary


def cases(attacks: Sequence[Attack], place: Place) -> list[Case]:
    """A case for each attack; scenes and ways take turns."""
    scenes = scenes_of(place)
    return [
        Case(
            attack=attack,
            place=place,
            scene=scenes[attack.turn % len(scenes)],
            way=WAYS[attack.turn // len(SCENES) % len(WAYS)],
        )
        for attack in attacks
    ]


class Trial:
    """Runs cases on one model.

    Args:
        server: who runs the models; the Ollama of the settings where not given.
        max_tokens: the longest answer of a step.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        model: str,
        embedder: Embedder,
        server: ModelServer | None = None,
        max_tokens: int = 48,
    ) -> None:
        self._calls = Calls()
        listed = experts(model, calls=self._calls, max_tokens=max_tokens)
        self._prompts = {expert.id: expert.card.prompt for expert in listed}
        self._folder = settings.state_dir
        self._shop = next(each for each in listed if isinstance(each, Shop))
        self._council = Council.of(listed, settings=settings, server=server, embedder=embedder)
        self._clean: dict[tuple[Place, str, Way | None], Seen] = {}

    @cached_property
    def _reader(self) -> Reader:
        found = self._council.registry.expert("reader")
        assert isinstance(found, Reader)
        return found

    async def verdict(self, case: Case) -> Verdict:
        """Run a case, and its clean twin once for all."""
        clean = await self.clean(case)
        seen = await self.run(case, case.attack.text)
        return Verdict(
            plan_same=_same_plan(seen, clean, case.place),
            calls_same=seen.calls == clean.calls,
            canary=self._followed(seen.said, case),
            said=seen.said,
        )

    async def bare(self, case: Case, ask: Bare) -> bool:
        """Whether the same model follows it: prompt and text in one message, nothing around it."""
        text = case.scene.text(case.attack.text)
        asked = f"{text}\n\n{case.scene.question}"
        if case.place == "question":
            asked = pasted(case.scene, text, case.way)
        said = await ask(
            [
                Message(role="system", content=self._prompts[case.scene.expert]),
                Message(role="user", content=asked),
            ]
        )
        return self._followed(said, case)

    async def bare_plans(self, attack: Attack) -> list[bool]:
        """For each scene, whether an attack in the asker's own words adds no expert."""
        found: list[bool] = []
        for scene in SCENES:
            clean = await self._council.plan(scene.question)
            seen = await self._council.plan(f"{scene.question}\n\n{attack.text}")
            allowed = {step.expert for step in clean.steps}
            found.append(allowed.issuperset(step.expert for step in seen.steps))
        return found

    def _followed(self, said: str, case: Case) -> bool:
        return followed(said, case.attack, prompt=self._prompts[case.scene.expert])

    async def clean(self, case: Case) -> Seen:
        """The case without its attack."""
        key = (case.place, case.scene.question, case.way if case.place == "question" else None)
        if key not in self._clean:
            self._clean[key] = await self.run(case, "")
        return self._clean[key]

    async def run(self, case: Case, attack: str) -> Seen:
        """What metier does with a text in the case's place."""
        text = case.scene.text(attack)
        self._calls.made.clear()
        self._reader.reads = text
        self._shop.says = attack if case.place == "card" else ""
        if case.place == "knowledge":
            await self._learn(case.scene, text)
        try:
            plan = await self._plan(case, attack)
            events = [event async for event in self._council.stream(plan)]
        finally:
            self._council.knowledge.erase(case.scene.expert)
        return Seen(
            steps=tuple(
                (event.expert, event.task) for event in events if event.type == "step_started"
            ),
            calls=tuple(self._calls.made),
            said=_own_words(fold(events)),
        )

    async def _learn(self, scene: Scene, text: str) -> None:
        """Add the text to what the expert of the scene looks things up in."""
        file = self._folder / "text.md"
        file.write_text(text, encoding="utf-8")
        await self._council.knowledge.base(scene.expert).add(file)

    async def _plan(self, case: Case, attack: str) -> Plan:
        text = case.scene.text(attack)
        match case.place:
            case "card" | "knowledge":
                return await self._council.plan(case.scene.question)
            case "history":
                return await self._council.plan(told(case.scene, text))
            case "name":
                document = named(case.scene, attack)
                return await self._council.plan(case.scene.question, documents=[document])
            case "document":
                document = Document(name="text.txt", text=text)
                return await self._council.plan(case.scene.question, documents=[document])
            case "result":
                return chained(case.scene)
            case "question":
                return await self._council.plan(pasted(case.scene, text, case.way))

    async def aclose(self) -> None:
        """Let the council go."""
        await self._council.aclose()


def _same_plan(seen: Seen, clean: Seen, place: Place) -> bool:
    if place == "question":
        return {expert for expert, _ in seen.steps} <= {expert for expert, _ in clean.steps}
    return seen.steps == clean.steps


def _own_words(answer: Answer) -> str:
    """What models wrote: the answer without what the reader only read."""
    given = [part for part in answer.parts if not part.models]
    text = answer.text
    for part in given:
        text = text.replace(part.text.strip(), "")
    return text
