"""The head of a Ray cluster that is killed and comes back, with two programs that outlive it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clusters import MODEL, add_node, address_of, restart_head, started_cluster
from fake_ollama import fake_ollama

from metier.testing import FixedEmbedder

pytestmark = pytest.mark.matrix

# Asks a question of each line that it reads, and prints the answer, or the error's code.
_ASKING = """
import sys
import anyio
from clusters import MODEL, card
from metier import Council, Expert, Plan, Settings
from metier.errors import MetierError
from metier.plan import Step

async def main(address):
    settings = Settings(cluster=address, embed_model=MODEL)
    async with Council.of([Expert(card())], settings=settings) as council:
        while question := await anyio.to_thread.run_sync(sys.stdin.readline):
            step = Step(id="1", task=question, expert="general")
            try:
                answer = await council.run(Plan(question=question, steps=(step,)))
                print("said:", answer.text, flush=True)
            except MetierError as exc:
                print("said:", exc.code, flush=True)

anyio.run(main, sys.argv[1])
"""


# A cluster, until it is told to end.
_CLUSTER = """
import sys
from clusters import address_of, started_cluster

with started_cluster(nodes=1) as cluster:
    print(address_of(cluster), flush=True)
    sys.stdin.readline()
"""


# Prints an answer before and after a node is lost, as a command does.
_PRINTING = """
import sys
from metier.cli.terminal import guard
from metier.models.hosts.ray_connection import connect

guard()
connect(sys.argv[1])
print("before", flush=True)
sys.stdin.readline()
print("after", flush=True)
"""


@contextmanager
def program(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A program of this environment; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])} | variables,
    )
    with process:
        yield process
        process.kill()


def says(process: subprocess.Popen[str], question: str = "What?") -> str:
    """What the program says next; Ray prints there, too, that it lost a node."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{question}\n")
    process.stdin.flush()
    lines = iter(process.stdout.readline, "")
    return next(line for line in lines if line.startswith("said:")).removeprefix("said:").strip()


@contextmanager
def host(address: str, ollama: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """`metier cluster start-host`, once it answers."""
    command = ("-m", "metier", "cluster", "start-host", address, "--name", "one")
    with program(*command, OLLAMA_HOST=ollama, **variables) as process:
        assert process.stderr is not None
        for line in process.stderr:  # Ray may say something before
            if "one answers in the cluster" in line:
                break
        yield process


def test_a_program_outlives_the_head_and_asks_again_when_it_is_back() -> None:
    with (
        fake_ollama(FixedEmbedder(), models=[MODEL], reply="Four.") as ollama,
        started_cluster(nodes=1) as cluster,
        program("-c", _ASKING, address_of(cluster)) as asking,
    ):
        with host(address_of(cluster), ollama.host) as first:
            assert says(asking) == "Four."
            restart_head(cluster)
            assert says(asking) == "cluster_unavailable"
            assert first.wait(timeout=120) == 1
        with host(address_of(cluster), ollama.host):
            assert says(asking) == "Four."


def test_a_node_that_is_lost_is_told_on_stderr_not_among_the_answers() -> None:
    with (
        started_cluster(nodes=1) as cluster,
        program("-c", _PRINTING, address_of(cluster)) as printing,
    ):
        assert printing.stdout is not None
        assert printing.stderr is not None
        lost = add_node(cluster)
        assert printing.stdout.readline() == "before\n"
        cluster.remove_node(lost, allow_graceful=False)
        assert any("(raylet)" in line for line in printing.stderr)
        assert printing.communicate("\n")[0] == "after\n"


def test_a_cluster_with_token_authentication_answers_who_has_its_token() -> None:
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "4be1" * 16}
    with (
        fake_ollama(FixedEmbedder(), models=[MODEL], reply="Four.") as ollama,
        program("-c", _CLUSTER, **token) as cluster,
    ):
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        with (
            host(address, ollama.host, **token),
            program("-c", _ASKING, address, **token) as knowing,
            program("-c", _ASKING, address) as without,
            program("-c", _ASKING, address, **token | {"RAY_AUTH_TOKEN": "0" * 64}) as wrong,
        ):
            assert says(knowing) == "Four."
            assert says(without) == says(wrong) == "cluster_unavailable"
        cluster.communicate("\n")
