from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from metier.errors import DeadlineExceeded, InvalidInput
from metier_math.calculator import Calculator
from metier_math.program import Assignment, Operation, Program, Reply

MEMORY_BYTES = 1 << 30


def program(expression: str, operation: Operation = "evaluate") -> Program:
    return Program(operation=operation, steps=(Assignment(expression=expression),))


# It takes SymPy 20 seconds to give this up.
ENDLESS = program("exp(-x^2)*sin(x^3)/(1 + ln(x))", "integrate")


async def computed(calculator: Calculator, expression: str) -> str:
    return (await calculator.run(program(expression)))[-1].text


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.anyio
async def test_programs_are_computed_by_one_process_that_stays(calculator: Calculator) -> None:
    assert await computed(calculator, "15 * 70") == "1050"
    first = calculator.pids
    assert await computed(calculator, "15 * 71") == "1065"
    assert calculator.pids == first


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.anyio
async def test_the_process_gets_no_secrets_of_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "tuna-4711")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    calculator = Calculator()
    assert await computed(calculator, "1 + 1") == "2"
    environment = await anyio.Path(f"/proc/{calculator.pids[0]}/environ").read_text()
    await calculator.aclose()
    assert "tuna-4711" not in environment
    assert "PYTHONPATH=" in environment


@pytest.mark.anyio
async def test_a_refused_expression_leaves_the_process_running(calculator: Calculator) -> None:
    await calculator.start()
    pids = calculator.pids
    with pytest.raises(InvalidInput, match="no function is called"):
        await computed(calculator, "system(1)")
    assert calculator.pids == pids


@pytest.mark.anyio
async def test_a_hostile_power_is_refused_at_once(calculator: Calculator) -> None:
    await computed(calculator, "1")
    with anyio.fail_after(1), pytest.raises(InvalidInput, match="too large"):
        await computed(calculator, "9**9**9")


@pytest.mark.anyio
async def test_what_does_not_end_is_stopped_and_the_next_program_is_computed() -> None:
    calculator = Calculator(deadline_s=0.5)
    with pytest.raises(DeadlineExceeded, match=r"longer than 0\.5 s"):
        await calculator.run(ENDLESS)
    assert calculator.pids == ()
    assert await computed(calculator, "1 + 1") == "2"
    await calculator.aclose()


@pytest.mark.anyio
async def test_a_killed_process_is_replaced(calculator: Calculator) -> None:
    await computed(calculator, "1")
    (killed,) = calculator.pids
    os.kill(killed, signal.SIGKILL)
    assert await computed(calculator, "1 + 2") == "3"
    assert calculator.pids != (killed,)


@pytest.mark.anyio
async def test_cancelling_ends_the_process(calculator: Calculator) -> None:
    await computed(calculator, "1")
    (pid,) = calculator.pids
    with anyio.move_on_after(0.1):
        await calculator.run(ENDLESS)
    assert calculator.pids == ()
    assert not is_running(pid)
    assert await computed(calculator, "1 + 3") == "4"


@pytest.mark.anyio
async def test_programs_that_arrive_together_get_their_own_results(
    calculator: Calculator,
) -> None:
    results: dict[str, str] = {}

    async def compute(expression: str) -> None:
        results[expression] = await computed(calculator, expression)

    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(compute, f"{number} * 10")
    assert results == {f"{number} * 10": str(number * 10) for number in range(5)}


@pytest.mark.anyio
async def test_closing_leaves_nothing_running() -> None:
    calculator = Calculator()
    await computed(calculator, "1")
    (pid,) = calculator.pids
    await calculator.aclose()
    await calculator.aclose()
    assert calculator.pids == ()
    assert not is_running(pid)


@pytest.mark.anyio
async def test_a_process_ends_with_its_event_loop() -> None:
    calculator = Calculator()
    seen: list[int] = []

    async def use() -> None:
        await computed(calculator, "1")
        seen.extend(calculator.pids)

    for _ in range(2):
        await anyio.to_thread.run_sync(anyio.run, use)
    assert len(set(seen)) == 2
    assert not any(map(is_running, seen))
    assert calculator.pids == ()


# What computes asks for more than it may have: no expression is known that gets so far.
GREEDY = """
import sys
from metier_math import worker
worker.run = lambda program: bytearray(1 << 30)
worker.main(60, 200 << 20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")
def test_a_computation_that_needs_too_much_memory_is_an_error_and_ends_the_process() -> None:
    line = program("1").model_dump_json().encode() + b"\n"
    ended = subprocess.run(
        [sys.executable, "-c", GREEDY], input=line * 2, capture_output=True, timeout=60, check=True
    )
    replies = [Reply.model_validate_json(reply) for reply in ended.stdout.splitlines()]
    assert [reply.error for reply in replies] == [
        "",
        "the computation needs more memory than it may have",
    ]


def test_an_idle_process_ends_when_its_input_does() -> None:
    command = [sys.executable, "-m", "metier_math.worker", "5", str(MEMORY_BYTES)]
    ended = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=True)
    assert ended.stdout == Reply().model_dump_json().encode() + b"\n"


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no alarms on this system")
def test_a_busy_process_whose_parent_is_gone_ends_by_itself() -> None:
    command = [sys.executable, "-m", "metier_math.worker", "0.1", str(MEMORY_BYTES)]
    line = ENDLESS.model_dump_json().encode() + b"\n"
    ended = subprocess.run(command, input=line, capture_output=True, timeout=60, check=False)
    assert ended.returncode == -signal.SIGALRM


@pytest.mark.anyio
async def test_a_file_in_the_users_folder_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sympy.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    async def use() -> str:
        return await computed(Calculator(), "1 + 1")

    assert await anyio.to_thread.run_sync(anyio.run, use) == "2"
