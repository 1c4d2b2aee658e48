"""Merges of several recipes on the nodes of a Ray cluster."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest
import ray
from click.testing import CliRunner, Result
from clusters import MODEL, World
from fake_ollama import FakeOllama
from small_models import model, recipe

from metier import Settings
from metier.cli.main import cli
from metier.merging.making import Wanted
from metier.merging.node_jobs import MergeJob, merged_here
from metier.merging.spreading import Spreading


@pytest.fixture
def nodes(world: World, ollamas: list[FakeOllama]) -> World:
    """Two nodes, called one and two."""
    for name, ollama in zip(("one", "two"), ollamas, strict=True):
        world.start(name, ollama.host)
    return world


def recipe_file(folder: Path, name: str, models: Sequence[str], weight: float = 1.0) -> str:
    tables = [f'[[models]]\nmodel = "{each}"\nweight = {weight}\n' for each in models]
    file = folder / f"{name}.toml"
    file.write_text('method = "linear"\n' + "\n".join(tables))
    return str(file)


def pair(folder: Path) -> list[str]:
    return [model(folder / f"{seed}.gguf", seed) for seed in range(2)]


def merged(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["merge", *arguments], prog_name="metier")


def test_two_recipes_are_merged_on_two_nodes_to_what_one_machine_makes_of_them(
    nodes: World, tmp_path: Path
) -> None:
    parents, spread, alone = pair(tmp_path), tmp_path / "spread", tmp_path / "alone"
    spread.mkdir()
    alone.mkdir()
    recipes = [recipe_file(tmp_path, f"r{n}", parents, weight=n) for n in (1, 2)]
    options = []
    for n, file in enumerate(recipes):
        assert merged("--recipe", file, "-o", str(alone / f"m{n}.gguf")).exit_code == 0
        options += ["--recipe", file, "-o", str(spread / f"m{n}.gguf")]
    done = merged(*options, "--cluster", nodes.address)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines() == [str(spread / f"m{n}.gguf") for n in range(2)]
    for n, node in enumerate(("one", "two")):
        assert f"{spread / f'm{n}.gguf'} on {node}: merging" in done.stderr
        made, expected = (folder / f"m{n}.gguf" for folder in (spread, alone))
        assert made.read_bytes() == expected.read_bytes()


def test_what_is_on_no_node_is_said_for_each_node_and_the_other_recipe_is_merged(
    nodes: World, tmp_path: Path
) -> None:
    parents, out = pair(tmp_path), tmp_path / "out.gguf"
    good = recipe_file(tmp_path, "good", parents)
    bad = recipe_file(tmp_path, "bad", [*parents, str(tmp_path / "gone.gguf")])
    asked = ("--recipe", bad, "-o", "bad", "--recipe", good, "-o", str(out))
    done = merged(*asked, "--cluster", nodes.address, "--json")
    assert done.exit_code == 1
    first, second = json.loads(done.stdout)["merges"]
    missing = f"'{tmp_path / 'gone.gguf'}' is not on this machine"
    assert first["error"]["message"] == (
        f"no node could make 'bad' (one: {missing}; two: {missing})"
    )
    assert (second["name"], second["kept"]) == (str(out), True)
    assert out.exists()


def test_a_model_that_no_node_has_is_named(nodes: World) -> None:
    done = merged(MODEL, "other:1b", "-o", "blend", "--cluster", nodes.address, "--json")
    (only,) = json.loads(done.stdout)["merges"]
    lacking = "one: has no 'other:1b'; two: has no 'other:1b'"
    assert only["error"]["message"] == f"no node could make 'blend' ({lacking})"


def test_a_relative_path_is_refused(nodes: World) -> None:
    done = merged("a.gguf", "b.gguf", "-o", "blend", "--cluster", nodes.address)
    assert done.exit_code == 2
    assert "'a.gguf' is a relative path" in done.stderr


@pytest.mark.anyio
async def test_a_merge_whose_node_dies_is_made_on_another(nodes: World, tmp_path: Path) -> None:
    large = [model(tmp_path / f"{seed}.gguf", seed, rows=300_000) for seed in range(2)]
    folder = tmp_path / "out"
    folder.mkdir()
    wanted = Wanted(recipe=recipe("linear", large), name=str(folder / "out.gguf"))
    told: list[str] = []

    def tell(_: str, node: str, status: str) -> None:
        told.append(f"{node}: {status}")
        if told == ["one: merging"]:
            ray.kill(nodes.actors.pop("one"))

    spreading = Spreading(nodes.server(), tell=tell)
    (made,) = await spreading.all([MergeJob.of(wanted, evaluate="")])
    assert (made.node, made.error) == ("two", None)
    assert told[1].startswith("one: failed there: ")
    assert {file.name for file in folder.iterdir()} == {"out.gguf", "out.json"}


@pytest.mark.anyio
async def test_a_merge_that_nobody_waits_for_is_given_up(tmp_path: Path) -> None:
    large = [model(tmp_path / f"{seed}.gguf", seed, rows=300_000) for seed in range(2)]
    folder = tmp_path / "out"
    folder.mkdir()
    wanted = Wanted(recipe=recipe("linear", large), name=str(folder / "out.gguf"))
    job = MergeJob.of(wanted, evaluate="").model_dump_json(by_alias=True)
    async with aclosing(merged_here(Settings(), job)) as updates:
        await anext(updates)
    with anyio.fail_after(60):
        while list(folder.iterdir()):  # noqa: ASYNC110  # the thread ends at its next report
            await anyio.sleep(0.05)
