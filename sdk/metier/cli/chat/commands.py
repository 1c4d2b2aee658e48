"""The commands of a conversation, such as `/plan`, `/why` and `/undo`. All print on stderr."""

from __future__ import annotations

import re
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from metier.cli.chat.conversation import Turn
from metier.cli.chat.explaining import explanation
from metier.cli.chat.saving import save
from metier.cli.chat.session import ChatSession
from metier.cli.combining import combining_of, option_of
from metier.cli.inputs import document_from
from metier.cli.text import clipped, plan_tree
from metier.errors import InvalidInput, MetierError, UnknownExpert, nearest
from metier.experts.card import GENERAL
from metier.plan import Combining, Plan, Step

# `/etc/hosts` and `/ 2` are not commands.
_COMMAND = re.compile(r"/([a-z]+)(?:\s+(.*))?", re.DOTALL)
# To check a strategy before there is a question.
_ANY_PLAN = Plan(question="?", steps=(Step(id="1", task="?", expert=GENERAL),))
# The argument that undoes a choice.
NONE = "none"


class Quit(Exception):
    """The conversation ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command.

    Attributes:
        takes: its arguments, for the help.
        does: a short description, for the help.
        run: called with its argument; returns an exit code if a question was asked.
    """

    takes: str
    does: str
    run: Callable[[ChatSession, str], Awaitable[int | None]]


def command_in(text: str) -> tuple[str, str] | None:
    """Return the name and the argument of a command; None if a text is a question.

    A text that begins with a space is always a question.
    """
    found = _COMMAND.fullmatch(text.rstrip())
    return None if found is None else (found[1], (found[2] or "").strip())


async def run_command(session: ChatSession, name: str, argument: str) -> int | None:
    """Run a command; return an exit code if it asked a question.

    Raises:
        Quit: the conversation ends.
        InvalidInput: there is no such command, or it cannot be run now.
        MetierError, OSError: it failed.
        click.UsageError: its argument is invalid.
    """
    command = COMMANDS.get(name)
    if command is None:
        known = [f"/{each}" for each in COMMANDS]
        raise InvalidInput(
            f"there is no command '/{name}'{nearest(f'/{name}', known)}",
            hint="See /help. To ask it as a question, put a space before it",
        )
    return await command.run(session, argument)


async def _plan(session: ChatSession, argument: str) -> None:
    if argument:
        _say(plan_tree(await session.plan(argument)))
    else:
        _say(plan_tree(_last(session).plan))


async def _why(session: ChatSession, argument: str) -> None:
    _say(explanation(_last(session)))


async def _expert(session: ChatSession, argument: str) -> None:
    talk = session.conversation
    known = session.council.registry.cards
    names = tuple(argument.replace(",", " ").split())
    if names == (NONE,):
        talk.experts = ()
    elif names:
        for name in names:
            if name not in known:
                raise UnknownExpert(name, known)
        talk.experts = names
    _say(f"experts: {', '.join(talk.experts or known)}")


async def _model(session: ChatSession, argument: str) -> None:
    installed = [model.name for model in await session.council.server.list()]
    if argument == NONE:
        await session.reopen(session.settings.model_copy(update={"model": None}))
    elif argument:
        if not {argument, f"{argument}:latest"} & {*installed}:
            raise InvalidInput(
                f"{argument!r} is not installed{nearest(argument, installed)}",
                hint=f"Get it: metier models pull {argument}",
            )
        await session.reopen(session.settings.model_copy(update={"model": argument}))
    _say(f"model of the general expert: {session.settings.model or 'the one on its card'}")
    if not argument:
        _say(f"installed: {', '.join(installed) or 'none'}")


async def _strategy(session: ChatSession, argument: str) -> None:
    talk = session.conversation
    if argument:
        name, *words = argument.split()
        options = dict(option_of(word) for word in words if "=" in word)
        models = tuple(word for word in words if "=" not in word)
        how = combining_of(name, models, options)
        session.council.strategies.check(_ANY_PLAN.combined(how))
        talk.how = how
    _say(f"strategy: {_strategy_text(talk.how)}")
    if not argument:
        _say(f"available: {', '.join(session.council.strategies.names)}")


def _strategy_text(how: Combining) -> str:
    options = (f"{name}={value}" for name, value in how.options.items())
    return " ".join([how.strategy, *options, *how.models])


async def _file(session: ChatSession, argument: str) -> None:
    documents = session.conversation.documents
    if argument == NONE:
        documents.clear()
    else:
        for path in _paths(argument):
            document = document_from(path)
            documents[document.name] = document
    sizes = (f"{each.name} ({len(each.text):,} characters)" for each in documents.values())
    _say(f"files: {', '.join(sizes) or 'none'}")


def _paths(argument: str) -> Sequence[Path]:
    try:
        return [Path(word).expanduser() for word in shlex.split(argument)]
    except ValueError as exc:
        raise InvalidInput(f"{argument!r}: {exc}") from exc


async def _retry(session: ChatSession, argument: str) -> int:
    talk = session.conversation
    if not talk.last:
        raise InvalidInput("there is no question to ask again", hint="Ask one first")
    before = list(talk.turns)
    talk.without_last()
    talk.retries += 1
    try:
        # The same seed would give the same words.
        return await session.ask(talk.last, seed=session.settings.seed + talk.retries)
    finally:
        if len(talk.turns) < len(before):  # the old answer is better than none
            talk.turns = before


async def _undo(session: ChatSession, argument: str) -> None:
    turn = _last(session)
    session.conversation.turns.pop()
    _say(f"forgotten: {clipped(turn.question, 60)}")


async def _save(session: ChatSession, argument: str) -> None:
    paths = _paths(argument)
    if len(paths) != 1:
        raise InvalidInput("name one file to save to", hint="Try: /save conversation.md")
    save(session.conversation.turns, paths[0])
    _say(f"saved: {paths[0]}")


async def _help(session: ChatSession, argument: str) -> None:
    usage = {f"/{name} {each.takes}".strip(): each.does for name, each in COMMANDS.items()}
    width = max(map(len, usage))
    _say("\n".join(f"{text.ljust(width)}  {does}" for text, does in usage.items()))
    _say(
        "\nAnything else is a question. Alt-Enter, or a \\ at the end of a line, begins a new line."
        "\nCtrl-C stops an answer, Ctrl-D ends the conversation."
    )


async def _quit(session: ChatSession, argument: str) -> None:
    raise Quit


def _last(session: ChatSession) -> Turn:
    if not session.conversation.turns:
        raise InvalidInput("there is no answer yet", hint="Ask a question first")
    return session.conversation.turns[-1]


def _say(text: str) -> None:
    click.echo(text, err=True)


COMMANDS = {
    "plan": Command(
        takes="[QUESTION]", does="who would answer a question, or who answered the last", run=_plan
    ),
    "why": Command(takes="", does="how the last answer came about, and what it cost", run=_why),
    "expert": Command(takes="[NAME … | none]", does="choose only among these experts", run=_expert),
    "model": Command(takes="[NAME | none]", does="model of the general expert", run=_model),
    "strategy": Command(
        takes="[NAME [KEY=VALUE …] [MODEL …]]",
        does="how several answers to a step become one",
        run=_strategy,
    ),
    "file": Command(takes="[PATH … | none]", does="texts that the questions are about", run=_file),
    "retry": Command(takes="", does="ask the last question again", run=_retry),
    "undo": Command(takes="", does="forget the last question and its answer", run=_undo),
    "save": Command(takes="FILE", does="write the conversation as Markdown or .json", run=_save),
    "help": Command(takes="", does="this list", run=_help),
    "quit": Command(takes="", does="end the conversation", run=_quit),
}


async def _expert_names(session: ChatSession) -> Sequence[str]:
    return [*session.council.registry.cards, NONE]


async def _model_names(session: ChatSession) -> Sequence[str]:
    try:
        return [*(model.name for model in await session.council.server.list()), NONE]
    except MetierError:
        return []


async def _strategy_names(session: ChatSession) -> Sequence[str]:
    return session.council.strategies.names


# The names that may follow a command, for its completion.
NAMES: Mapping[str, Callable[[ChatSession], Awaitable[Sequence[str]]]] = {
    "expert": _expert_names,
    "model": _model_names,
    "strategy": _strategy_names,
}
