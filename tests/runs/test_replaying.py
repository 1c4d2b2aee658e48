"""A kept run gives the same answer again without a server, or says what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import anyio
import pytest
from hosts import Node, pool
from kept_runs import PLAN, card, council, settings_in, words_for

from metier import Card, Council, Expert, Settings
from metier.errors import ModelServerFailed, ReplayDiffers
from metier.events import CallStarted, PlanReady, StepDone, StepStarted, fold
from metier.models.embedder import Role, Vectors
from metier.models.server import ChatRequest
from metier.plan import Plan, Step
from metier.runs.differing import difference
from metier.runs.run import Exchange, Run
from metier.runs.store import RunStore
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

NAMES = ("general", "math", "code")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    with RunStore.of(settings_in(tmp_path)) as opened:
        yield opened


def without_a_server(folder: Path, *cards: Card, embedder: FixedEmbedder | None = None) -> Council:
    """A council whose server fails the test if it is asked."""
    experts = [Expert(each) for each in (cards or map(card, NAMES))]
    return Council.of(
        experts,
        settings=settings_in(folder),
        server=ScriptedModels(),
        embedder=embedder or FixedEmbedder(),
    )


async def kept(folder: Path, store: RunStore, plan: Plan = PLAN) -> Run:
    await council(folder, store=store).run(plan)
    return store.load("last")


def some_plan(random: Random) -> Plan:
    """Up to four steps in any order of needs, some answered by several."""
    steps: list[Step] = []
    for n in range(random.randint(1, 4)):
        several = random.random() < 0.3
        steps.append(
            Step(
                id=str(n),
                task=f"Part {n} of {random.random()}",
                expert=random.choice(NAMES),
                needs=tuple(s.id for s in steps if random.random() < 0.4),
                strategy="vote" if several else "single",
                options={"samples": 3} if several else {},
            )
        )
    return Plan(question=f"Question {random.random()}", steps=tuple(steps))


def sometimes_failing(random: Random) -> ScriptedModels:
    def says(request: ChatRequest) -> str | Exception:
        return ModelServerFailed("it broke") if random.random() < 0.1 else words_for(request)

    return ScriptedModels({"small": says}, concurrency=random.choice([1, 2]))


async def test_a_hundred_runs_give_the_same_answers_byte_for_byte(
    tmp_path: Path, store: RunStore
) -> None:
    random = Random(1)
    again = without_a_server(tmp_path)
    for _ in range(100):
        made = council(tmp_path, models=sometimes_failing(random), store=store)
        events = [event async for event in made.stream(some_plan(random))]
        run = store.load(events[0].run_id)
        replay = await again.replay(run)
        assert (replay.same, replay.differences) == (True, ())
        if replay.answer is not None:
            assert replay.answer.text.encode() == fold(events).text.encode()


async def test_a_question_that_was_planned_is_replayed_with_its_plan(
    tmp_path: Path, store: RunStore
) -> None:
    answer = await council(tmp_path, store=store).ask("Everything about math, then about code.")
    replay = await without_a_server(tmp_path).replay(store.load("last"))
    assert replay.answer == answer


async def test_a_changed_card_is_named(tmp_path: Path, store: RunStore) -> None:
    run = await kept(tmp_path, store)
    changed = card("math").model_copy(update={"prompt": "You count on your fingers."})
    replay = await without_a_server(tmp_path, card("general"), changed, card("code")).replay(run)
    assert not replay.same
    assert "the card of math has changed" in replay.differences
    assert (
        "a model is asked differently: the number of messages was 1 and is 2" in replay.differences
    )


async def test_another_embedder_is_named(tmp_path: Path, store: RunStore) -> None:
    run = await kept(tmp_path, store)
    other = FixedEmbedder(dimension=64)
    changed = card("math").model_copy(update={"prompt": "You count on your fingers."})
    made = without_a_server(tmp_path, card("general"), changed, card("code"), embedder=other)
    replay = await made.replay(run)
    assert not replay.same
    assert "the embedder was 'fixed/256' and is 'fixed/64'" in replay.differences


async def test_another_version_of_a_plugin_is_named(tmp_path: Path, store: RunStore) -> None:
    run = await kept(tmp_path, store)
    code = run.versions.code | {"math": "metier-math 0.0.1"}
    versions = run.versions.model_copy(update={"code": code})
    changed = card("math").model_copy(update={"prompt": "You count on your fingers."})
    made = without_a_server(tmp_path, card("general"), changed, card("code"))
    replay = await made.replay(run.model_copy(update={"versions": versions}))
    now = "metier.experts.expert.Expert"
    assert f"the code of math was 'metier-math 0.0.1' and is {now!r}" in replay.differences


async def test_a_changed_text_of_a_request_is_named(tmp_path: Path, store: RunStore) -> None:
    run = await kept(tmp_path, store)
    steps = (PLAN.steps[0].model_copy(update={"task": "What is 3 + 3?"}), *PLAN.steps[1:])
    edited = run.model_copy(update={"events": (PlanReady(plan=Plan(question="?", steps=steps)),)})
    replay = await without_a_server(tmp_path).replay(edited)
    assert "a model is asked differently: the text of messages[0] has changed" in replay.differences


async def test_a_changed_card_that_changes_no_answer_is_no_difference(
    tmp_path: Path, store: RunStore
) -> None:
    run = await kept(tmp_path, store)
    replay = await without_a_server(tmp_path, *map(card, NAMES), card("law")).replay(run)
    assert replay.same


async def test_an_expert_that_is_gone_is_named(tmp_path: Path, store: RunStore) -> None:
    run = await kept(tmp_path, store)
    replay = await without_a_server(tmp_path, card("general"), card("math")).replay(run)
    assert "the card of code is gone" in replay.differences


async def test_a_setting_of_today_does_not_change_a_replay(tmp_path: Path, store: RunStore) -> None:
    run = await kept(tmp_path, store)
    made = without_a_server(tmp_path)
    today = Council(
        made.registry,
        settings=Settings(cache_dir=tmp_path, seed=99, model="other"),
        server=ScriptedModels(),
        embedder=FixedEmbedder(),
    )
    assert (await today.replay(run)).same


class Planning(FixedEmbedder):
    """Lets another task run once while a question is planned."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.other_done = anyio.Event(), anyio.Event()

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        self.begun.set()
        await self.other_done.wait()
        return await super().embed(texts, role=role)


async def test_a_run_is_replayed_if_its_models_were_listed_while_it_was_planned(
    tmp_path: Path, store: RunStore
) -> None:
    embedder = Planning()
    made = Council.of(
        [Expert(card(name)) for name in NAMES],
        settings=settings_in(tmp_path),
        server=ScriptedModels({"small": words_for}),
        embedder=embedder,
        runs=store,
    )
    async with anyio.create_task_group() as group:
        group.start_soon(made.ask, "Everything about math.")
        await embedder.begun.wait()
        await made.warming.load()
        embedder.other_done.set()
    assert (await without_a_server(tmp_path).replay(store.load("last"))).differences == ()


async def test_a_run_with_a_seed_of_its_own_is_replayed_with_it(
    tmp_path: Path, store: RunStore
) -> None:
    made = council(tmp_path, store=store)
    await made.ask("Everything about math, then about code.", seed=7)
    run = store.load("last")
    assert run.versions.settings["seed"] == 7
    assert (await without_a_server(tmp_path).replay(run)).same


async def test_a_vote_on_several_hosts_is_replayed_with_as_many_samples_at_once(
    tmp_path: Path, store: RunStore
) -> None:
    hosts = pool(*(Node(f"h{n}", ["small"], loaded=["small"]) for n in range(4)))
    made = Council.of(
        [Expert(card("general"))],
        settings=settings_in(tmp_path),
        server=hosts,
        embedder=FixedEmbedder(),
        runs=store,
    )
    long = "Is it so? " * 200
    step = Step(id="1", task=long, expert="general", strategy="vote", options={"samples": 4})
    answer = await made.run(Plan(question=long, steps=(step,)))
    again = await without_a_server(tmp_path, card("general")).replay(store.load("last"))
    assert again.answer is not None
    # All four at once: one after the other, the vote would be settled after three.
    assert (again.answer.usage.calls, answer.usage.calls) == (4, 4)


async def test_a_run_that_did_not_end_is_not_replayed(tmp_path: Path, store: RunStore) -> None:
    run = (await kept(tmp_path, store)).model_copy(update={"status": "interrupted"})
    with pytest.raises(ReplayDiffers, match="interrupted"):
        await without_a_server(tmp_path).replay(run)


async def test_a_run_goes_on_from_a_step_with_the_results_before_it(
    tmp_path: Path, store: RunStore
) -> None:
    run = await kept(tmp_path, store)
    models = ScriptedModels({"small": ["print(2 + 2)", "Composed."]})
    made = council(tmp_path, models=models, store=store)
    events = [event async for event in made.stream(PLAN, results=run.results_before("2"))]
    done = [event for event in events if isinstance(event, StepDone)]
    assert done[0].text == run.results["1"].text
    assert done[1].text == "print(2 + 2)"
    assert run.results["1"].text in models.requests[0].messages[-1].content
    assert [event.step_id for event in events if isinstance(event, StepStarted)] == ["1", "2"]


async def test_a_run_with_results_of_an_earlier_one_is_replayed_with_them(
    tmp_path: Path, store: RunStore
) -> None:
    first = await kept(tmp_path, store)
    made = council(tmp_path, models=ScriptedModels({"small": ["print(2 + 2)", "4"]}), store=store)
    given = first.results_before("2")
    answer = fold([event async for event in made.stream(PLAN, results=given)])
    run = store.load("last")
    assert (run.given, run.results["1"].text) == (("1",), first.results["1"].text)
    replay = await without_a_server(tmp_path).replay(run)
    assert (replay.differences, replay.same, replay.answer) == ((), True, answer)


async def test_another_server_and_other_weights_are_differences_of_two_runs(
    tmp_path: Path, store: RunStore
) -> None:
    first = await kept(tmp_path, store)
    assert (first.server_version, list(first.weights)) == ("scripted", ["small"])
    assert difference(first, first).versions == ()
    version = Exchange(kind="version", key="", request=b"", reply=b'"2.0"')

    def with_digest(digest: str) -> Run:
        events = tuple(
            event.model_copy(update={"digest": digest}) if isinstance(event, CallStarted) else event
            for event in first.events
        )
        return first.model_copy(update={"events": events})

    second = with_digest("f00d").model_copy(update={"exchanges": (version,)})
    # What only one of them knows is no difference.
    assert difference(first, with_digest("f00d")).versions == ()
    assert difference(with_digest("beef"), second).versions == (
        "the model server was 'scripted' and is '2.0'",
        "the model small has changed",
    )


async def test_what_needs_a_step_is_run_again_with_it(tmp_path: Path, store: RunStore) -> None:
    run = await kept(tmp_path, store)
    assert run.results_before("1") == ()


async def test_a_step_that_is_not_in_the_plan_is_named(tmp_path: Path, store: RunStore) -> None:
    run = await kept(tmp_path, store)
    with pytest.raises(ReplayDiffers, match="no step '9'"):
        run.results_before("9")
