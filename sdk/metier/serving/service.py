"""What all endpoints share: the council, the limits and the questions in progress."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from metier.council import Council
from metier.events import Event
from metier.experts.card import GENERAL
from metier.serving.failures import Refused, refused
from metier.serving.forms import Form, Wire, dumped
from metier.serving.limits import ServingLimits
from metier.serving.names import Served, model_named, served
from metier.serving.open_webui import merges_answers, task_events, task_of
from metier.serving.pieces import Telling
from metier.serving.questions import Question, events_of
from metier.serving.reading import Body, read_body
from metier.serving.replying import JSON, LiveReply, unless_gone
from metier.serving.runs import Runs

B = TypeVar("B", bound=Body)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One server.

    Attributes:
        started: seconds since the epoch; clients see it as the date of each model.
    """

    council: Council
    limits: ServingLimits
    runs: Runs
    started: float = field(default_factory=time.time)

    @property
    def models(self) -> list[Served]:
        """The models on offer."""
        return served(self.council)

    @property
    def writer(self) -> Served | None:
        """The general expert, which writes without planning; None if there is none."""
        return next((each for each in self.models if each.expert == GENERAL), None)

    @property
    def modified(self) -> str:
        """When the models changed, in RFC 3339's format."""
        return rfc3339(self.started)

    def model(self, name: str) -> Served:
        """Look up a model by its name.

        Raises:
            Refused: 404; no model has this name.
        """
        return model_named(self.council, name)

    async def read(self, request: Request, shape: type[B]) -> B:
        """Read and check the body of a request.

        Raises:
            Refused: the body cannot be used.
        """
        return await read_body(request, shape, self.limits)

    async def counted(self, request: Request, ask: Callable[[], Awaitable[T]]) -> T:
        """Call a function as a question in progress, and return its result.

        Args:
            request: its client; if it leaves, the call is cancelled.

        Raises:
            Refused: too many questions are in progress, the server stops before the end, or the
                client has left.
        """
        with self.runs.one() as asked:
            return await unless_gone(request.receive, ask)
        raise Refused(asked.end)

    def run(
        self, request: Request, question: Question, *, stream: bool
    ) -> tuple[AsyncGenerator[Event, None], bool]:
        """The run that answers a question, and whether the council is asked.

        Open WebUI also sends questions that no expert should answer.
        """
        headers, messages = request.headers, question.messages
        if (task := task_of(headers, messages, stream=stream)) is not None:
            return task_events(task, messages), False
        if merges_answers(headers):
            question = replace(question, model=self.writer or question.model)
        return events_of(self.council, question), True

    def reply(
        self,
        question: Question,
        form: Form,
        events: AsyncGenerator[Event, None],
        *,
        stream: bool,
    ) -> LiveReply:
        """The response that answers a question while it is sent.

        Args:
            events: the run to send.

        Raises:
            Refused: the conversation is too long.
        """
        most = self.limits.messages
        if len(question.messages) > most:
            raise refused(f"the conversation has more than {most} messages", param="messages")
        return LiveReply(
            events,
            form,
            Telling(),
            stream=stream,
            runs=self.runs,
            limits=self.limits,
        )


def json_response(wire: Wire, *, status: int = 200) -> Response:
    """One JSON object."""
    return Response(dumped(wire), status_code=status, media_type=JSON)


def rfc3339(at: float) -> str:
    """A time in seconds since the epoch, in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
