"""The published tables of answers are what the kept answers give; no model is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import published
from benchmarks.combining import FIELDS, Field
from benchmarks.data import DEFAULT

DATA = Path(__file__).parent.parent / DEFAULT
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no measurement sets in {DEFAULT}"),
]


@pytest.mark.parametrize("field", FIELDS, ids=[field.name for field in FIELDS])
async def test_the_table_of_each_set_that_is_combined_is_what_the_kept_samples_give(
    field: Field,
) -> None:
    metrics = await published.combining(DATA, fields=[field])
    rows = published.all_combining_rows(metrics, field)
    assert published.missing(published.COMBINING, rows) == []


async def test_the_figures_of_the_council_are_what_the_kept_answers_give() -> None:
    metrics = await published.end_to_end(DATA)
    rows = published.end_to_end_rows(metrics)
    assert published.missing(published.END_TO_END, rows) == []
    assert published.missing(published.README, published.readme_rows(metrics)) == []


async def test_the_figures_of_linked_requests_are_what_the_kept_answers_give() -> None:
    rows = published.chains_rows(await published.chains())
    assert published.missing(published.CHAINS, rows) == []
