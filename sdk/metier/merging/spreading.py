"""Several merges in parallel on the nodes of a cluster, one at a time on each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import anyio

from metier.errors import MergeFailed, MetierError, StreamInterrupted, WeightsUnavailable
from metier.merging.node_jobs import MergeJob, MergeUpdate
from metier.merging.report import MergeReport
from metier.models.hosts.calls import may_work_elsewhere
from metier.models.hosts.host import Host
from metier.models.hosts.ray_server import RayServer

# Called with the name of a merge, its node, and what happens there.
Tell = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The outcome of one of several merges.

    Attributes:
        node: where it was made; empty if no node could make it.
        report: None if it failed.
        file: the path of the report on the node.
        error: why it failed.
    """

    name: str
    node: str = ""
    report: MergeReport | None = None
    file: str = ""
    error: MetierError | None = None


class Spreading:
    """Runs merges on nodes that have their models and files.

    If a node is lost, its merge is repeated on another one. No partial result remains: a result
    gets its name only when it is complete.
    """

    def __init__(self, server: RayServer, *, tell: Tell) -> None:
        self._server = server
        self._tell = tell
        self._busy: set[str] = set()
        self._freed = anyio.Condition()

    async def all(self, jobs: Sequence[MergeJob]) -> Sequence[Spread]:
        """Run all jobs, one at a time per node, and return their outcomes in order.

        Raises:
            ModelServerError, ClusterUnavailable: there are no nodes.
        """
        await self._server.look()
        ended: dict[int, Spread] = {}

        async def make(number: int, job: MergeJob) -> None:
            ended[number] = await self._one(job)

        async with anyio.create_task_group() as group:
            for number, job in enumerate(jobs):
                group.start_soon(make, number, job)
        return [ended[number] for number in sorted(ended)]

    async def _one(self, job: MergeJob) -> Spread:
        failed: dict[str, MetierError] = {}
        while True:
            node = ""
            try:
                async with self._free_node(job, failed) as host:
                    node = host.name
                    return await self._on(host, job)
            except MetierError as exc:
                missing = isinstance(exc, WeightsUnavailable)
                if not node or not (missing or may_work_elsewhere(exc)):
                    return Spread(name=job.name, node=node, error=exc)
                self._tell(job.name, node, f"failed there: {exc.message}")
                failed[node] = exc

    @asynccontextmanager
    async def _free_node(
        self, job: MergeJob, failed: Mapping[str, MetierError]
    ) -> AsyncIterator[Host]:
        """Wait for an idle node that can run the merge.

        Raises:
            MergeFailed: no node has everything that the merge needs, or all that do have failed.
        """
        await self._server.look()
        async with self._freed:
            while not (free := self._able(job, self._busy | failed.keys())):
                if not self._able(job, failed):
                    raise self._nobody(job, failed)
                await self._freed.wait()
            host = free[0]
            self._busy.add(host.name)
        try:
            yield host
        finally:
            with anyio.CancelScope(shield=True):
                async with self._freed:
                    self._busy.discard(host.name)
                    self._freed.notify_all()

    def _able(self, job: MergeJob, failed: Collection[str]) -> list[Host]:
        left = [host for host in self._server.hosts if host.name not in failed]
        return [host for host in left if not self._lacks(host, job)]

    def _lacks(self, host: Host, job: MergeJob) -> str:
        """A model that a node lacks, or has with other weights than the first node; else empty."""
        names = (name for name in job.models if host not in self._server.hosts_with(name))
        return next(names, "")

    def _nobody(self, job: MergeJob, failed: Mapping[str, MetierError]) -> MetierError:
        lacking = {host.name: self._lacks(host, job) for host in self._server.hosts}
        reasons = {name: f"has no {model!r}" for name, model in lacking.items() if model}
        reasons |= {name: exc.message for name, exc in failed.items()}
        told = "; ".join(f"{name}: {reason}" for name, reason in sorted(reasons.items()))
        return MergeFailed(
            f"no node could make {job.name!r} ({told})",
            hint="Copy the files to a node, or pull models: metier models pull MODEL --host NODE",
        )

    async def _on(self, host: Host, job: MergeJob) -> Spread:
        stream = self._server.run(host, "merge", job.model_dump_json(by_alias=True))
        async with aclosing(stream):
            last = await self._followed(stream, job.name, host.name)
        if last.report is None:
            raise StreamInterrupted(f"the merge on {host.name} ended without a report")
        return Spread(name=job.name, node=host.name, report=last.report, file=last.file)

    async def _followed(
        self, stream: AsyncGenerator[str, None], name: str, node: str
    ) -> MergeUpdate:
        last = MergeUpdate()
        async for line in stream:
            last = MergeUpdate.model_validate_json(line)
            if last.progress is not None:
                self._tell(name, node, last.progress.status.partition(":")[0])
        return last
