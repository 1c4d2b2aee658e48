"""Which host takes a request, and whether several requests can run side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from metier.models.hosts.host import Host


def soonest(hosts: Sequence[Host], model: str, prompt: str = "") -> Host:
    """The host whose first token comes soonest; of equal ones the least busy, then the first."""

    def wait(host: Host) -> tuple[float, float]:
        return host.seconds_until_reply(model, prompt), host.running / host.concurrency

    return min(hosts, key=wait)


def placed(
    models: Sequence[str], able: Mapping[str, Sequence[Host]]
) -> Mapping[str, Sequence[Host]] | None:
    """Hosts for each model, so many that all requests run at once; None if they cannot.

    No host runs two models at the same time.
    The models with the fewest hosts choose first, and take those that have them in memory.

    Args:
        models: one for each request.
        able: the hosts that can run each model.
    """
    taken: dict[str, Sequence[Host]] = {}
    free = list(dict.fromkeys(host for hosts in able.values() for host in hosts))
    for model, requests in sorted(Counter(models).items(), key=lambda item: len(able[item[0]])):
        mine: list[Host] = []
        for host in sorted(able[model], key=lambda host: not host.has_loaded(model)):
            if sum(each.concurrency for each in mine) < requests and host in free:
                mine.append(host)
        if sum(host.concurrency for host in mine) < requests:
            return None
        taken[model] = mine
        free = [host for host in free if host not in mine]
    return taken
