"""The kept runs over HTTP: listed, searched, read, compared, rated, renamed, stopped, deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TypeVar

from anyio import to_thread
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from metier.errors import UnknownExpert, UnknownRun
from metier.events import Token
from metier.runs.differing import difference
from metier.runs.run import Rating, Run, RunSummary, Verdict
from metier.runs.store import RunStore
from metier.serving.failures import refused
from metier.serving.forms import Wire
from metier.serving.page.streaming import wire_of, without_paths
from metier.serving.reading import Body
from metier.serving.service import Service, json_response

T = TypeVar("T")

_MOST_LISTED = 200
_LISTED = 50
_SHOWN_CHARS = 300


class RatingBody(Body):
    """The body of a rating."""

    verdict: Verdict
    step_id: str = ""
    expert: str = ""
    note: str = Field("", max_length=2000)


class TitleBody(Body):
    """The new name of a conversation; empty removes it."""

    title: str = Field(max_length=200)


class Kept:
    """The endpoints of the runs that a council keeps."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[BaseRoute]:
        """All routes."""
        return [
            Route("/metier/runs", self.listed),
            Route("/metier/runs/{run}", self.shown),
            Route("/metier/runs/{run}", self.deleted, methods=["DELETE"]),
            Route("/metier/runs/{run}", self.renamed, methods=["PATCH"]),
            Route("/metier/runs/{run}/conversation", self.whole),
            Route("/metier/runs/{run}/conversation", self.whole_deleted, methods=["DELETE"]),
            Route("/metier/runs/{run}/stop", self.stopped, methods=["POST"]),
            Route("/metier/runs/{run}/rating", self.rated, methods=["POST"]),
            Route("/metier/runs/{run}/differences/{other}", self.differences),
        ]

    async def load(self, name: str) -> Run:
        """A kept run.

        Raises:
            Refused: there is none of this id.
        """
        return await self._asked(lambda store: store.load(name))

    async def listed(self, request: Request) -> Response:
        """The newest runs, or those with the words that are searched for."""
        search = request.query_params.get("search", "")
        before = request.query_params.get("before") or None
        limit = _limit(request.query_params.get("limit", ""))
        if self._service.council.runs is None:
            return json_response({"kept": False, "runs": []})
        if search.strip():
            found = await self._asked(lambda store: store.search(search, limit=limit))
        else:
            found = await self._asked(lambda store: store.newest(limit=limit, before=before))
        return json_response({"kept": True, "runs": [_line(run) for run in found]})

    async def shown(self, request: Request) -> Response:
        """All that the page shows of a run, and the conversation that it belongs to."""
        name = request.path_params["run"]
        run = await self.load(name)
        chain = await self._asked(lambda store: store.conversation(name))
        return json_response(
            run.model_dump(mode="json", exclude={"events", "versions"})
            | {
                "events": _events(run),
                "messages": [message.model_dump() for message in run.messages],
                "conversation": [each.id for each in chain],
            }
        )

    async def deleted(self, request: Request) -> Response:
        """Delete a run; nothing of it stays."""
        name = request.path_params["run"]
        count = await self._asked(lambda store: store.delete([name]))
        return json_response({"deleted": count})

    async def whole(self, request: Request) -> Response:
        """The ids of all runs that are deleted with the conversation of a run."""
        name = request.path_params["run"]
        found = await self._asked(lambda store: store.whole_conversation(name))
        return json_response({"runs": found})

    async def whole_deleted(self, request: Request) -> Response:
        """Delete the conversation of a run; nothing of it stays."""
        name = request.path_params["run"]
        count = await self._asked(lambda store: store.delete(store.whole_conversation(name)))
        return json_response({"deleted": count})

    async def stopped(self, request: Request) -> Response:
        """Stop a run that this server answers, whoever asked for it."""
        if not self._service.runs.stop(request.path_params["run"]):
            raise refused("this run is not being answered here", status=409, code="not_running")
        return json_response({"stopped": True})

    async def renamed(self, request: Request) -> Response:
        """Name the conversation that a run belongs to."""
        body = await self._service.read(request, TitleBody)
        name, title = request.path_params["run"], " ".join(body.title.split())
        summary = await self._asked(lambda store: store.rename(name, title))
        return json_response({"title": summary.title})

    async def rated(self, request: Request) -> Response:
        """Keep what a person says about a run or a step."""
        body = await self._service.read(request, RatingBody)
        run = await self.load(request.path_params["run"])
        self._check(run, body)
        rating = Rating(**dict(body))
        summary = await self._asked(lambda store: store.rate(run.id, rating))
        return json_response({"ratings": [each.model_dump() for each in summary.ratings]})

    async def differences(self, request: Request) -> Response:
        """What differs between two runs."""
        first = await self.load(request.path_params["run"])
        second = await self.load(request.path_params["other"])
        found = await to_thread.run_sync(difference, first, second)
        return json_response(asdict(found))

    def _check(self, run: Run, body: RatingBody) -> None:
        cards = self._service.council.registry.cards
        if not body.expert:
            return
        if body.verdict == "good":
            raise refused("a good answer needs no other expert", param="expert")
        if body.expert not in cards:
            raise UnknownExpert(body.expert, cards)
        if run.plan and len(run.plan.steps) > 1 and not body.step_id:
            raise refused("say which step the expert should have had", param="step_id")

    async def _asked(self, ask: Callable[[RunStore], T]) -> T:
        store = self._service.council.runs
        if store is None:
            raise refused("no runs are kept here", status=404, code="unknown_run")
        try:
            return await to_thread.run_sync(partial(ask, store))
        except UnknownRun as exc:
            raise refused(exc.message, status=404, code=exc.code) from exc


def _limit(given: str) -> int:
    return min(_MOST_LISTED, max(1, int(given))) if given.isascii() and given.isdigit() else _LISTED


def _line(run: RunSummary) -> Wire:
    """A run in a list: long texts are cut."""
    cut = {name: getattr(run, name)[:_SHOWN_CHARS] for name in ("question", "answer", "error")}
    return run.model_dump(mode="json") | cut


def _events(run: Run) -> list[Wire]:
    """The events but for the words of a finished answer, which it has as a whole."""
    finished = run.status == "answered"
    return [
        wire_of(without_paths(event))
        for event in run.events
        if not (finished and isinstance(event, Token))
    ]
