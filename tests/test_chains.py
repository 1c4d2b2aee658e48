"""What the benchmark of linked requests counts as right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.chains import both_ways, chosen, figures, numbered, read_options
from benchmarks.chains_gold import Chain, Part, wrong_parts
from benchmarks.end_to_end import Arm, Asked, Result

from metier.council import Council
from metier.evaluating.both_ways import BothWays
from metier.experts.card import GENERAL, Card
from metier.experts.expert import Expert
from metier.sandbox import Sandboxes
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio
ROWS = Path(__file__).parents[1] / "benchmarks" / "own" / "chains"
ASKED = "How much is 15 mg/kg for 70 kg, is that too much, and write a function dose() for it?"


async def is_right(text: str, **part: object) -> bool:
    chain = Chain(q=ASKED, experts=("math",), gold=(Part.model_validate(part),))
    return not await wrong_parts(text, chain, sandboxes=Sandboxes())


@pytest.mark.parametrize(
    "text",
    [
        "That is **1050 mg**.",
        "15 * 70 = 1050\n\n**Result: 1050**",
        "It is 1.05 g a day.",
        "1,050 mg",
    ],
)
async def test_a_number_counts_wherever_it_is_stated(text: str) -> None:
    assert await is_right(text, number=1050, unit="mg")


@pytest.mark.parametrize("text", ["It is 1150 mg.", "It is 1050 kg.", "```\ndose = 1050\n```", ""])
async def test_another_number_or_unit_does_not_count(text: str) -> None:
    assert not await is_right(text, number=1050, unit="mg")


async def test_a_rounded_number_counts() -> None:
    assert await is_right("Your BMI is about 25.6.", number=25.59)


async def test_a_heading_that_repeats_the_request_says_nothing() -> None:
    assert not await is_right("## Is that too much\n\nI do not know.", label="too much")


async def test_a_verdict_counts_unless_it_is_denied() -> None:
    assert await is_right("Yes, 1050 mg is too much for a child.", label="too much")
    assert not await is_right("No, this is not too much.", label="too much")


async def test_one_of_several_words_is_enough() -> None:
    assert await is_right("Dear grandma, …", contains=["grandma", "granny"])


async def test_code_is_run() -> None:
    code = "```python\ndef dose():\n    return 15 * 70\n```"
    assert await is_right(code, tests=["assert dose() == 1050"])
    assert not await is_right(code, tests=["assert dose() == 1"])


@pytest.mark.parametrize("name", ["questions", "development"])
def test_each_row_of_ours_can_be_read(name: str) -> None:
    lines = (ROWS / f"{name}.jsonl").read_text().splitlines()
    chains = [Chain.model_validate(json.loads(line)) for line in lines]
    assert all(len(chain.gold) >= 2 for chain in chains)
    assert len({chain.q for chain in chains}) == len(chains)


def test_rows_are_chosen_by_their_numbers() -> None:
    assert numbered("1-3,7") == [1, 2, 3, 7]
    everything = [{"q": "a"}, {"q": "b"}]
    assert chosen(everything, [2]) == everything[1:]
    assert chosen(everything, None) == everything


@pytest.mark.parametrize("number", [0, 3])
def test_a_row_that_is_not_there_is_refused(number: int) -> None:
    with pytest.raises(SystemExit, match=f"no row {number}, only 1-2"):
        chosen([{"q": "a"}, {"q": "b"}], [number])


@pytest.mark.parametrize(
    "some", [["--rows", "1-3"], ["--limit", "3"], ["--file", "chains/x.jsonl"]]
)
def test_results_of_some_rows_are_not_published(some: list[str]) -> None:
    assert read_options(["--publish"]).publish
    assert not read_options(some).publish
    with pytest.raises(SystemExit):
        read_options(["--publish", *some])


def timed(arm: Arm, seconds: float | None) -> Result:
    return Result(arm=arm, key="", model="m", revision="", right=True, seconds=seconds)


def test_one_slow_row_does_not_make_the_time_ratio() -> None:
    seconds = [(1, 2), (10, 5), (1, 2), (2, None)]
    single = [timed("single", before) for before, _ in seconds]
    council = [timed("council", after) for _, after in seconds]
    chains = [Chain(q=ASKED, experts=(), gold=())] * len(seconds)
    found = figures(chains, single, council)
    assert found["time_ratio"]["value"] == 2.0
    assert found["time_ratio"]["n"] == 3
    assert (found["seconds.council"]["value"], found["seconds.single"]["value"]) == (2, 1)


CHAIN = Chain(q="What is 6 times 7?", experts=(GENERAL,), gold=(Part(number=42),))


async def asked_of(server: ScriptedModels, folder: Path, *, texts: bool) -> list[Result]:
    """What is published of one row after both arms were asked for it."""
    card = Card(id=GENERAL, description="Anything", models=("small",), prompt="Be brief.")
    experts = [Expert(card)]
    async with Council.of(experts, server=server, embedder=FixedEmbedder()) as council:
        asked = Asked(
            await BothWays.of(council),
            folder / "answers.jsonl",
            any_revision=False,
            side_by_side=True,
            published=folder / "published.jsonl",
        )
        await both_ways(asked, [CHAIN])
        asked.publish(texts=texts)
    lines = (folder / "published.jsonl").read_text().splitlines()
    return [Result.model_validate_json(line) for line in lines]


@pytest.mark.parametrize("texts", [True, False])
async def test_answers_to_our_rows_are_published_with_their_words(
    tmp_path: Path, texts: bool
) -> None:
    with ScriptedModels({"small": ["41", "It is 42."]}) as server:
        published = await asked_of(server, tmp_path, texts=texts)
    assert server.loads == ["small"]
    words = {(each.question, each.text) for each in published}
    assert words == ({(CHAIN.q, "41"), (CHAIN.q, "It is 42.")} if texts else {("", "")})


@pytest.mark.parametrize("change", [{"revision": "older"}, {"seconds": None}])
async def test_an_answer_of_older_code_or_without_seconds_is_asked_anew_in_both_arms(
    tmp_path: Path, change: dict[str, str | None]
) -> None:
    with ScriptedModels({"small": ["41", "42"]}) as server:
        kept = await asked_of(server, tmp_path, texts=True)
    with ScriptedModels():  # all of it is there
        await asked_of(server, tmp_path, texts=True)
    lines = "".join(f"{each.model_copy(update=change).model_dump_json()}\n" for each in kept)
    for name in ("answers", "published"):
        (tmp_path / f"{name}.jsonl").write_text(lines)
    with ScriptedModels({"small": ["41", "42"]}) as server:
        await asked_of(server, tmp_path, texts=True)
