"""Which host of a pool takes a call: the one whose first token comes soonest."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest
from hosts import Node, Replies, ask, pool

from metier.errors import InvalidSettings, ModelMissing
from metier.models.hosts import HostPool

pytestmark = pytest.mark.anyio

HUGE = 100_000_000_000


async def test_a_call_goes_where_the_model_is_loaded() -> None:
    cold, warm = Node("cold", ["m"]), Node("warm", ["m"], loaded=["m"])
    assert await ask(pool(cold, warm), "m") == "warm"


async def test_a_model_that_is_loaded_with_another_window_counts_as_not_loaded() -> None:
    other = Node("other", ["m"], loaded=["m"], window=8192)
    same = Node("same", ["m"], loaded=["m"])
    assert await ask(pool(other, same), "m") == "same"


async def test_calls_at_the_same_time_spread_over_the_hosts_that_have_the_model_loaded() -> None:
    nodes = [Node(name, ["m"], loaded=["m"]) for name in ("a", "b", "c")]
    assert sorted(await together(pool(*nodes), "m", "m", "m")) == ["a", "b", "c"]


async def test_a_call_waits_for_a_busy_host_if_loading_elsewhere_would_take_longer() -> None:
    idle = Node("idle", ["m"], size_bytes=HUGE)
    warm = Node("warm", ["m"], size_bytes=HUGE, loaded=["m"])
    assert await together(pool(idle, warm), "m", "m") == ["warm", "warm"]


async def test_a_small_model_is_loaded_on_a_second_host_rather_than_waited_for() -> None:
    idle, warm = Node("idle", ["m"]), Node("warm", ["m"], loaded=["m"])
    assert sorted(await together(pool(idle, warm), "m", "m")) == ["idle", "warm"]


async def test_a_model_goes_to_a_host_with_room_rather_than_to_one_that_must_unload() -> None:
    full = Node("full", ["m", "other"], size_bytes=4_000_000_000, loaded=["other"], memory_gb=8)
    free = Node("free", ["m"], size_bytes=4_000_000_000, memory_gb=8)
    assert await ask(pool(full, free), "m") == "free"


async def test_a_host_that_is_too_small_for_a_model_is_not_given_it() -> None:
    small = Node("small", ["m"], size_bytes=HUGE, memory_gb=8)
    large = Node("large", ["m"], size_bytes=HUGE)
    assert await ask(pool(small, large), "m") == "large"


async def test_a_prompt_goes_back_to_the_host_that_read_it_last() -> None:
    reply = Replies(prompt_s=4.0)
    hosts = pool(*(Node(name, ["m"], loaded=["m"], reply=reply) for name in ("a", "b")))
    first = await together(hosts, "m", "m", prompts=["one", "two"])
    again = [await ask(hosts, "m", prompt=prompt) for prompt in ("two", "one", "two")]
    assert again == [first[1], first[0], first[1]]


async def test_a_host_keeps_as_many_prompts_as_it_has_slots() -> None:
    reply = Replies(prompt_s=4.0)
    small = Node("small", ["m"], loaded=["m"], labels=["small"], reply=reply)
    large = Node("large", ["m"], loaded=["m"], labels=["large"], reply=reply, concurrency=2)
    hosts = pool(small, large)
    await ask(hosts, "m", prompt="other", label="small")
    for prompt in ("one", "two"):
        await ask(hosts, "m", prompt=prompt, label="large")
    assert await ask(hosts, "m", prompt="one") == "large"


async def test_a_slot_that_is_busy_cannot_be_used_for_its_prompt() -> None:
    reply = Replies(prompt_s=4.0)
    hosts = pool(
        *(Node(name, ["m"], loaded=["m"], reply=reply, concurrency=2) for name in ("a", "b"))
    )
    await together(hosts, "m", "m", prompts=["one", "two"])
    assert sorted(await together(hosts, "m", "m", prompts=["one", "one"])) == ["a", "b"]


async def test_a_host_that_was_seen_to_load_slowly_is_avoided() -> None:
    slow = Node("slow", ["m"], reply=Replies(load_s=60.0))
    quick = Node("quick", ["m"])
    hosts = pool(slow, quick)
    assert await ask(hosts, "m") == "slow"
    slow.in_memory.clear()
    hosts.hosts[0].forget()
    assert await ask(hosts, "m") == "quick"


async def test_an_expert_that_is_pinned_to_a_label_runs_only_there() -> None:
    warm, gpu = Node("warm", ["m"], loaded=["m"]), Node("big", ["m"], labels=["gpu"])
    assert await ask(pool(warm, gpu), "m", label="gpu") == "big"


async def test_a_label_that_no_host_has_is_ignored() -> None:
    assert await ask(pool(Node("a", ["m"]), Node("b", ["m"])), "m", label="gpu") == "a"


async def test_a_model_that_the_labelled_hosts_lack_is_missing_with_the_command_to_get_it() -> None:
    hosts = pool(Node("a", ["m"]), Node("b", [], labels=["gpu"]))
    with pytest.raises(ModelMissing, match="metier models pull m --host gpu"):
        await ask(hosts, "m", label="gpu")


async def test_models_with_the_same_weights_are_listed_once_with_their_hosts() -> None:
    hosts = pool(Node("a", ["m", "n"]), Node("b", ["m"]))
    listed = {model.name: model.hosts for model in await hosts.list()}
    assert listed == {"m:latest": ("a", "b"), "n:latest": ("a",)}


async def test_other_weights_of_the_same_name_are_another_model() -> None:
    hosts = pool(Node("a", ["m"], digest="1"), Node("b", ["m"], digest="2", loaded=["m"]))
    listed = {model.name: model.digest for model in await hosts.list()}
    assert listed == {"m:latest": "1", "m:latest@b": "2"}
    assert await ask(hosts, "m") == "a"
    assert await ask(hosts, "m:latest@b") == "b"


async def test_concurrency_is_that_of_the_hosts_that_have_the_model() -> None:
    hosts = pool(
        Node("a", ["m"], concurrency=2),
        Node("b", ["m"], concurrency=3),
        Node("c", ["n"], concurrency=5),
    )
    await hosts.list()
    assert (hosts.concurrency("m"), hosts.concurrency("n")) == (5, 5)


@pytest.mark.parametrize(
    ("models", "fits"),
    [(["m", "n"], True), (["m", "m"], True), (["m", "m", "n"], False), (["n", "n"], False)],
)
async def test_models_run_together_if_no_host_has_to_run_two(
    models: Sequence[str], fits: bool
) -> None:
    hosts = pool(Node("a", ["m", "n"]), Node("b", ["m"]))
    await hosts.list()
    assert hosts.run_together(models) is fits


def test_hosts_are_selected_by_name_or_label() -> None:
    hosts = pool(Node("a", []), Node("b", [], labels=["gpu"]))
    assert [host.name for host in hosts.at("gpu").hosts] == ["b"]
    assert [host.name for host in hosts.at("all").hosts] == ["a", "b"]
    with pytest.raises(InvalidSettings, match=r"'gpux'.*nearest: 'gpu'"):
        hosts.at("gpux")


async def together(hosts: HostPool, *models: str, prompts: Sequence[str] = ()) -> list[str]:
    """The hosts of calls that begin before any has ended, in the order of the calls."""
    answered: dict[int, str] = {}
    wanted = list(prompts) or [""] * len(models)

    async def one(number: int) -> None:
        answered[number] = await ask(hosts, models[number], prompt=wanted[number])

    async with anyio.create_task_group() as group:
        for number in range(len(models)):
            group.start_soon(one, number)
    return [answered[number] for number in sorted(answered)]
