"""`ExpertConformance`: the experts of metier pass it, and each check finds what it is for."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from sites import Site

from metier import Card, Context, Expert, Registry, Settings, Task, tool
from metier.errors import BudgetExceeded, ModelServerError
from metier.experts.card import Capability
from metier.experts.expert import messages_for
from metier.testing import ExpertConformance, FixedEmbedder, Nonconforming

CHECKS = sorted(
    name for name, _ in inspect.getmembers(ExpertConformance) if name.startswith("test_")
)
EXAMPLES = ("How long does green tea steep?", "how hot is the water for white tea")
COUNTEREXAMPLES = ("Which country drinks the most tea?",)
NUMBERS = itertools.count()


def card(
    *,
    examples: Sequence[str] = EXAMPLES,
    counterexamples: Sequence[str] = COUNTEREXAMPLES,
    stream: str = "direct",
) -> Card:
    brewing = Capability(
        name="brew",
        description="Brew tea",
        examples=tuple(examples),
        counterexamples=tuple(counterexamples),
    )
    return Card.model_validate(
        {
            "id": "tea",
            "description": "Tea",
            "models": ("small",),
            "stream": stream,
            "capabilities": (brewing,),
        }
    )


async def reply(task: Task, context: Context) -> str:
    return await context.complete(messages_for(card(), task))


def of(make: Expert) -> ExpertConformance:
    class Case(ExpertConformance):
        def expert(self) -> Expert:
            return make

        def neighbours(self) -> Sequence[Card]:
            sums = Capability(name="sum", description="Sums", examples=("What is 2 + 2?",))
            return [Card(id="math", description="Sums", capabilities=(sums,))]

    return Case()


class Empty(Expert):
    async def answer(self, task: Task, context: Context) -> AsyncIterator[str]:
        yield ""


class Failing(Expert):
    async def answer(self, task: Task, context: Context) -> str:
        raise LookupError("nothing brewed")


class Late(Expert):
    async def answer(self, task: Task, context: Context) -> str:
        return await reply(task, context)


class Counting(Expert):
    def answer(self, task: Task, context: Context) -> str:
        return f"answer {next(NUMBERS)}"


class Detached(Expert):
    """Its model call goes on when its answer is cancelled."""

    tasks: set[asyncio.Task[str]]

    async def answer(self, task: Task, context: Context) -> str:
        self.tasks = {asyncio.create_task(reply(task, context))}
        return await asyncio.shield(next(iter(self.tasks)))


class Stubborn(Expert):
    async def answer(self, task: Task, context: Context) -> str:
        try:
            return await reply(task, context)
        except BaseException as exc:
            raise ValueError("no tea") from exc


class Spent(Expert):
    async def answer(self, task: Task, context: Context) -> str:
        try:
            return await reply(task, context)
        except BudgetExceeded:
            raise ValueError("no calls") from None


class Alone(Expert):
    async def answer(self, task: Task, context: Context) -> str:
        try:
            return await reply(task, context)
        except ModelServerError as exc:
            raise OSError("no server") from exc


class Strict(Expert):
    def answer(self, task: Task, context: Context) -> str:
        return f"{task.text.index('tea')}"


class Trusting(Expert):
    async def answer(self, task: Task, context: Context) -> str:
        text = await reply(task, context)
        return str(json.loads(text)) if text.startswith("}") else text


class Untyped(Expert):
    @tool
    def brew(self, grams):  # noqa: ANN001, ANN201
        return grams


class Growing(Expert):
    """A kernel sees a tool that was put on the object; an expert's tools are its class's."""

    def __init__(self, card: Card) -> None:
        super().__init__(card)

        @tool
        def extra() -> str:
            """Do more."""
            return "more"

        self.extra = extra

    @tool
    def brew(self) -> str:
        """Brew."""
        return "tea"


# Who takes what nobody else does takes counterexamples, too.
SHIPPED = [
    (name, check)
    for name in ("general", "math", "code", "medical")
    for check in CHECKS
    if (name, check) != ("general", "test_its_counterexamples_do_not_pick_it")
]


@pytest.mark.parametrize(("name", "check"), SHIPPED)
def test_the_experts_that_come_with_metier_conform(name: str, check: str) -> None:
    class Case(ExpertConformance):
        def expert(self) -> Expert:
            return Registry.from_installed(Settings()).expert(name)

    getattr(Case(), check)()


@pytest.mark.parametrize(
    ("expert", "check", "message"),
    [
        (Expert(card(examples=())), "its_examples_do_not_contradict", "brew has no examples"),
        (
            Expert(card(examples=["Brew tea", "brew  TEA"])),
            "its_examples_do_not_contradict",
            "'brew tea' stands 2 times",
        ),
        (
            Expert(card(counterexamples=EXAMPLES)),
            "its_examples_do_not_contradict",
            "as an example and as a counterexample",
        ),
        (
            Expert(card(examples=["What is 2 + 2?", "Brew green tea"])),
            "its_examples_pick_it",
            "'What is 2 + 2?' picks math",
        ),
        (
            Expert(card(counterexamples=["How long does green tea steep now?"])),
            "its_counterexamples_do_not_pick_it",
            "'How long does green tea steep now?' picks it",
        ),
        (Untyped(card()), "its_tools_are_described", "the tool 'brew' has no description"),
        (Untyped(card()), "its_tools_are_described", "parameter 'grams' of 'brew' has no type"),
        (Growing(card()), "semantic_kernel_takes_it", "'extra' is a kernel function alone"),
        (Empty(card()), "it_answers", "tea gave an empty answer"),
        (Failing(card()), "it_answers", "nothing brewed"),
        (Late(card()), "it_streams", "its first word came after the model's last"),
        (Counting(card()), "sync_and_async_are_equal", "run_sync gave"),
        (Detached(card()), "it_can_be_cancelled", "the model's stream stayed open"),
        (Stubborn(card()), "it_keeps_the_deadline", "tea raised ValueError: "),
        (Spent(card()), "it_keeps_the_budget", ", where 0 model calls were allowed"),
        (Alone(card()), "errors_of_the_server_get_through", "tea raised OSError: "),
        (Strict(card()), "odd_tasks_are_no_crash", ", where the task was '?'"),
        (Trusting(card()), "nonsense_of_the_model_is_no_crash", "where the model wrote '}{'"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Expert) else None,
)
def test_a_check_finds_what_it_is_for(expert: Expert, check: str, message: str) -> None:
    with pytest.raises(Nonconforming) as caught:
        getattr(of(expert), f"test_{check}")()
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.anyio
@pytest.mark.parametrize("check", CHECKS)
async def test_a_check_can_be_run_where_a_loop_is_open(check: str) -> None:
    getattr(of(Expert(card())), check)()


def test_one_that_checks_its_words_need_not_stream() -> None:
    of(Late(card(stream="checked"))).test_it_streams()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([{"question": EXAMPLES[0], "expert": "tea"}], "is an example of the card"),
        ([{"question": "What is 2 + 2?", "expert": "math"}], 'no question has "expert": "tea"'),
        ([{"expert": "tea"}], "evaluation.jsonl:1: question: Field required"),
    ],
)
def test_questions_that_judge_nothing_are_found(
    lines: list[dict[str, str]], message: str, tmp_path: Path
) -> None:
    file = tmp_path / "evaluation.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))

    class Case(ExpertConformance):
        def expert(self) -> Expert:
            return Expert(card())

        def questions(self) -> Path:
            return file

    with pytest.raises(Nonconforming, match=r"(?s).") as caught:
        Case().test_its_questions_are_no_examples()
    assert message in str(caught.value)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(tmp_path)
    yield Site(tmp_path)
    Site(tmp_path).forget()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("print('hello')", "kettle/__init__.py:4: prints"),
        ("open('/dev/null', 'w').close()", "kettle/__init__.py:4: writes a file"),
        ("import threading; threading.Thread(target=int).start()", "4: starts a thread"),
        ("import subprocess; subprocess.run(['true'])", "4: starts a process"),
        ("import socket; socket.socket().bind(('127.0.0.1', 0))", "4: opens a port"),
    ],
    ids=["print", "write", "thread", "process", "port"],
)
def test_work_while_importing_is_named_with_file_and_line(
    site: Site, line: str, message: str
) -> None:
    code = "from metier import Expert\nclass Kettle(Expert):\n    pass\n"
    site.write("kettle/__init__.py", code)
    module = __import__("kettle")
    site.write("kettle/__init__.py", f"{code}{line}\n")
    with pytest.raises(Nonconforming) as caught:
        of(module.Kettle(card())).test_importing_it_does_nothing_else()
    assert message in caught.value.message


def test_what_an_import_of_others_does_is_not_the_plugin_s(site: Site) -> None:
    site.write("pot.py", "open('/dev/null', 'w').close()")
    code = "import pot\nfrom metier import Expert\nclass Kettle(Expert):\n    pass\n"
    site.write("kettle/__init__.py", code)
    of(__import__("kettle").Kettle(card())).test_importing_it_does_nothing_else()


def test_what_is_learnt_from_the_cards_is_kept_for_the_next_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    embedder, case = FixedEmbedder(dimension=48), of(Expert(card()))
    monkeypatch.setattr(case, "embedder", lambda: embedder)
    case.test_its_examples_pick_it()
    embedder.calls.clear()
    case.test_its_counterexamples_do_not_pick_it()
    assert {text for call in embedder.calls for text in call} <= {*COUNTEREXAMPLES}
