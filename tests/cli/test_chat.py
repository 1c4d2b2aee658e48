"""`metier chat` through a pipe: each line is a question or a command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner, Result

from metier import Card, Council, Expert, Settings
from metier.cli.chat.conversation import Conversation
from metier.cli.chat.session import ChatSession
from metier.cli.main import cli
from metier.errors import ModelServerFailed
from metier.experts.card import Capability
from metier.models.server import ChatRequest
from metier.models.shared import SharedServer
from metier.runs.store import RunStore
from metier.testing import FixedEmbedder, ScriptedModels


class Seen:
    """The requests that the models got."""

    def __init__(self) -> None:
        self.requests: list[ChatRequest] = []

    def reply(self, request: ChatRequest) -> str:
        self.requests.append(request)
        asked = request.messages[-1].content
        if asked == "break" or (asked == "break later" and request.sampling.seed):
            raise ModelServerFailed("it broke")
        return f"reply to {asked.splitlines()[-1]}"

    @property
    def last(self) -> list[tuple[str, str]]:
        return [(each.role, each.content) for each in self.requests[-1].messages]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """A council of two experts."""
    seen = Seen()

    def installed(settings: Settings, *, runs: RunStore | None = None, **_: object) -> Council:
        models = ScriptedModels({"m": seen.reply, "n": seen.reply})
        return Council.of(
            [Expert(_card("sums", "compute a sum")), Expert(_card("plants", "water a fern"))],
            settings=settings,
            server=models,
            embedder=FixedEmbedder(),
            runs=runs,
        )

    monkeypatch.setattr(Council, "from_installed", installed)
    return seen


def _card(name: str, example: str) -> Card:
    capability = Capability(name="all", description=name, examples=(example,))
    return Card(id=name, description=name, models=("m",), capabilities=(capability,))


def chat(*lines: str, options: Sequence[str] = ()) -> Result:
    text = "".join(f"{line}\n" for line in lines)
    return CliRunner().invoke(cli, ["chat", *options], input=text, prog_name="metier")


def test_each_line_is_answered_on_stdout(seen: Seen) -> None:
    done = chat("compute a sum", "water a fern")
    assert done.stdout.splitlines() == ["reply to compute a sum", "reply to water a fern"]
    assert done.exit_code == 0


def test_a_question_is_asked_with_the_turns_before_it(seen: Seen) -> None:
    chat("compute a sum", "compute another sum")
    assert seen.last == [
        ("user", "compute a sum"),
        ("assistant", "reply to compute a sum"),
        ("user", "compute another sum"),
    ]


def test_a_backslash_at_the_end_of_a_line_goes_on_in_the_next(seen: Seen) -> None:
    chat("compute a sum\\", "compute a sum")
    assert seen.last == [("user", "compute a sum\ncompute a sum")]


def test_undo_forgets_the_last_question_and_its_answer(seen: Seen) -> None:
    chat("compute a sum", "water a fern", "/undo", "compute another sum")
    assert [text for _, text in seen.last] == [
        "compute a sum",
        "reply to compute a sum",
        "compute another sum",
    ]


def test_retry_asks_the_last_question_again_with_another_seed(seen: Seen) -> None:
    chat("compute a sum", "/retry")
    first, second = seen.requests
    assert first.messages == second.messages
    assert first.sampling.seed != second.sampling.seed


def test_each_retry_has_another_seed_and_the_next_question_the_usual_one(seen: Seen) -> None:
    chat("compute a sum", "/retry", "/retry", "water a fern")
    assert [request.sampling.seed for request in seen.requests] == [0, 1, 2, 0]


def test_a_retry_that_fails_leaves_the_old_answer(seen: Seen) -> None:
    chat("break later", "/retry", "compute a sum")
    assert seen.last == [
        ("user", "break later"),
        ("assistant", "reply to break later"),
        ("user", "compute a sum"),
    ]


def test_retry_asks_a_question_again_that_failed(seen: Seen) -> None:
    chat("compute a sum", "break", "/retry")
    assert seen.last == [
        ("user", "compute a sum"),
        ("assistant", "reply to compute a sum"),
        ("user", "break"),
    ]


def test_an_expert_is_chosen_for_the_questions_to_come(seen: Seen) -> None:
    done = chat("/expert plants", "compute a sum", "/plan")
    assert "experts: plants" in done.stderr
    assert "1 plants" in done.stderr


def test_none_takes_the_choice_of_experts_back(seen: Seen) -> None:
    done = chat("/expert plants", "/expert none")
    assert done.stderr.splitlines()[-1] == "experts: sums, plants"


def test_a_strategy_is_checked_when_it_is_chosen(seen: Seen) -> None:
    done = chat("/strategy vote samples=3", "/strategy vote colour=3", "/strategy")
    assert "strategy: vote samples=3\nError: " in done.stderr
    assert done.stderr.count("strategy: vote samples=3") == 2


def test_a_model_that_is_not_installed_is_refused(seen: Seen) -> None:
    done = chat("/model nn")
    assert "'nn' is not installed (nearest: 'n')" in done.stderr
    assert done.exit_code == 1


def test_a_file_is_given_to_every_question(seen: Seen, tmp_path: Path) -> None:
    file = tmp_path / "my notes.txt"
    file.write_text("The key is 7.")
    chat(f"/file '{file}'", "compute a sum", "compute another sum")
    assert all("The key is 7." in each.messages[-1].content for each in seen.requests)


def test_the_plan_of_a_question_asks_no_model(seen: Seen) -> None:
    done = chat("/plan compute a sum")
    assert "1 sums" in done.stderr
    assert (done.stdout, seen.requests) == ("", [])


def test_why_names_the_expert_and_its_model(seen: Seen) -> None:
    done = chat("compute a sum", "/why")
    assert "[1] sums on m" in done.stderr
    assert "1 call," in done.stderr


@pytest.mark.parametrize("command", ["/why", "/plan", "/undo", "/retry", "/save x.md"])
def test_a_command_that_needs_an_answer_says_so(seen: Seen, command: str) -> None:
    done = chat(command)
    assert "Ask " in done.stderr
    assert done.exit_code == 1


def test_an_unknown_command_names_the_nearest(seen: Seen) -> None:
    done = chat("/plam")
    assert "there is no command '/plam' (nearest: '/plan')" in done.stderr


@pytest.mark.parametrize("question", ["/etc/hosts compute a sum", " /why compute a sum"])
def test_a_path_and_a_leading_space_are_questions(seen: Seen, question: str) -> None:
    chat(question)
    assert seen.last == [("user", question.strip())]


def test_the_help_lists_every_command(seen: Seen) -> None:
    from metier.cli.chat.commands import COMMANDS

    listed = chat("/help").stderr
    assert all(f"/{name}" in listed for name in COMMANDS)


def test_quit_ends_the_conversation(seen: Seen) -> None:
    assert chat("/quit", "compute a sum").stdout == ""


def test_a_conversation_is_saved_as_markdown(seen: Seen, tmp_path: Path) -> None:
    file = tmp_path / "talk.md"
    chat("compute a sum", f"/save {file}")
    assert file.read_text() == (
        "**You**\n\ncompute a sum\n\n**metier** (sums)\n\nreply to compute a sum\n"
    )


def test_a_conversation_is_saved_as_messages(seen: Seen, tmp_path: Path) -> None:
    file = tmp_path / "talk.json"
    chat("compute a sum", f"/save {file}")
    assert json.loads(file.read_text()) == {
        "messages": [
            {"role": "user", "content": "compute a sum"},
            {"role": "assistant", "content": "reply to compute a sum"},
        ]
    }


def test_saving_replaces_no_file(seen: Seen, tmp_path: Path) -> None:
    file = tmp_path / "talk.md"
    file.write_text("mine")
    done = chat("compute a sum", f"/save {file}")
    assert "exists" in done.stderr
    assert file.read_text() == "mine"


def test_json_is_one_object_a_line(seen: Seen) -> None:
    done = chat("compute a sum", "water a fern", options=["--json"])
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["question"] for each in answers] == ["compute a sum", "water a fern"]


def test_jsonl_is_the_events_of_every_answer(seen: Seen) -> None:
    done = chat("compute a sum", "water a fern", options=["--jsonl"])
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["type"] for each in events].count("answered") == 2


def test_a_question_that_fails_ends_the_turn_and_not_the_conversation(seen: Seen) -> None:
    done = chat("break", "compute a sum")
    assert done.stdout.splitlines()[-1] == "reply to compute a sum"
    assert "it broke" in done.stderr
    assert done.exit_code == 3


def test_a_failed_question_is_no_part_of_the_conversation(seen: Seen) -> None:
    chat("break", "compute a sum")
    assert seen.last == [("user", "compute a sum")]


def test_what_is_no_text_is_refused() -> None:
    done = CliRunner().invoke(cli, ["chat"], input=b"\xff\xfe\n", prog_name="metier")
    assert "stdin cannot be read: it is not UTF-8 text" in done.stderr
    assert done.exit_code == 2


def test_nothing_that_is_piped_is_kept_for_the_arrow_keys(seen: Seen, tmp_path: Path) -> None:
    chat("compute a sum")
    assert not (tmp_path / "state" / "chat-history.jsonl").exists()


def test_continuing_goes_on_with_the_last_conversation(seen: Seen) -> None:
    chat("compute a sum", "compute another sum")
    done = chat("and a third", options=["-c"])
    assert [text for _, text in seen.last] == [
        "compute a sum",
        "reply to compute a sum",
        "compute another sum",
        "reply to compute another sum",
        "and a third",
    ]
    assert "continuing after 'compute another sum'" in done.stderr


def test_a_turn_of_the_last_conversation_can_be_undone(seen: Seen) -> None:
    chat("compute a sum", "compute another sum")
    chat("/undo", "and a third", options=["--continue"])
    assert [text for _, text in seen.last] == [
        "compute a sum",
        "reply to compute a sum",
        "and a third",
    ]


def test_a_question_of_ask_is_gone_on_with(seen: Seen) -> None:
    CliRunner().invoke(cli, ["ask", "compute a sum"], prog_name="metier")
    chat("and another", options=["-c"])
    assert [text for _, text in seen.last][:2] == ["compute a sum", "reply to compute a sum"]


def test_there_must_be_something_to_go_on_with(seen: Seen) -> None:
    done = chat("and a third", options=["-c"])
    assert "there is no answer to go on from" in done.stderr
    assert done.exit_code == 2


@pytest.mark.anyio
async def test_after_a_change_of_model_its_prompts_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = {"m": anyio.Event(), "n": anyio.Event()}

    def reply(request: ChatRequest) -> str:
        read[request.model].set()
        return "Hello"

    def installed(settings: Settings, **_: object) -> Council:
        model = settings.model or "m"
        card = _card("sums", "compute a sum").model_copy(update={"models": (model,)})
        server = SharedServer(ScriptedModels({model: reply}), keeps=2)
        return Council.of(
            [Expert(card)], settings=settings, server=server, embedder=FixedEmbedder()
        )

    monkeypatch.setattr(Council, "from_installed", installed)
    session = ChatSession(
        Settings.load(),
        Conversation(),
        form="text",
        verbose=False,
        stream=True,
        log=False,
        on_terminal=True,
    )
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(session.keep_warm)
            await read["m"].wait()
            await session.reopen(Settings.load(model="n"))
            await read["n"].wait()
            group.cancel_scope.cancel()
    await session.aclose()
