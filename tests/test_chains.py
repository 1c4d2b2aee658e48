"""What the benchmark of linked requests counts as right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.chains_gold import Chain, Part, wrong_parts

from metier.sandbox import Sandboxes

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
