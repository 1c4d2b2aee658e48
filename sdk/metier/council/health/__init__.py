"""What is wrong with a council and the machine that it runs on, and the command that mends it."""

from __future__ import annotations

from anyio import to_thread

from metier.council.council import Council
from metier.council.health.check import Check
from metier.council.health.experts import (
    embedder_check,
    expert_checks,
    index_check,
    model_checks,
)
from metier.council.health.machine import machine_checks, sandbox_check
from metier.council.health.servers import label_checks, prompt_checks, server_checks

__all__ = ["Check", "examined"]


async def examined(council: Council, *, measuring: bool = False) -> list[Check]:
    """Run all checks but those of merged models (`metier.merging.health`).

    Args:
        measuring: ask a model that is in memory, to see whether its server keeps prompts. What is
            found is remembered; nothing else is changed.
    """
    servers = await server_checks(council)
    reachable = any(server.ok for server in servers)
    return [
        *servers,
        *(label_checks(council) if reachable else ()),
        *(await model_checks(council) if reachable else ()),
        *(await prompt_checks(council) if reachable and measuring else ()),
        await embedder_check(council, reachable=reachable),
        await index_check(council),
        *await to_thread.run_sync(expert_checks, council),
        await sandbox_check(),
        *await to_thread.run_sync(machine_checks, council.settings),
    ]
