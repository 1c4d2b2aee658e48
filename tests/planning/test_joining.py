"""Requests with several needs, made of examples."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from metier.planning.cutting import Piece, Sign, cut
from metier.planning.fillers import FILLERS
from metier.planning.joining import Joined, Region, joined, parts_of
from metier.planning.openings import Openings

EXAMPLES = {
    "math": ["Add two and three.", "Halve the sum."],
    "code": ["Write a loop!", "Mend this script."],
    "medical": ["Name the drug?", "How large is the dose?"],
    "silent": [],
}
COUNT = 2000


@pytest.fixture
def made() -> list[Joined]:
    return joined(EXAMPLES, COUNT)


def experts(request: Joined) -> list[str]:
    return [region.expert for region in request.regions if region.expert is not None]


def bare(text: str) -> str:
    return text.lower().rstrip(" .?!;,。？！")


def test_each_region_is_an_example_of_its_expert_or_a_filler(made: list[Joined]) -> None:
    for request in made:
        for region in request.regions:
            begun = request.text[region.start :].lower()
            if region.expert is None:
                assert any(begun.startswith(bare(filler)) for filler in FILLERS)
                continue
            own = [bare(example) for example in EXAMPLES[region.expert]]
            (first,) = (text for text in own if begun.startswith(text))
            seconds = [text for text in own if begun.startswith(f"{first}. {text}")]
            said = f"{first}. {seconds[0]}" if seconds else first
            assert region.end - region.start - len(said) in (0, 1)  # its mark


def test_regions_follow_each_other_to_the_end(made: list[Joined]) -> None:
    for request in made:
        starts = [region.start for region in request.regions]
        ends = [region.end for region in request.regions]
        assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
        assert ends[-1] == len(request.text)


def test_no_expert_has_two_parts_and_one_without_examples_has_none(made: list[Joined]) -> None:
    for request in made:
        assert len(set(experts(request))) == len(experts(request))
    assert set().union(*map(experts, made)) == {"math", "code", "medical"}


def test_one_two_and_three_parts_are_as_frequent_as_they_should_be(made: list[Joined]) -> None:
    shares = Counter(len(experts(request)) for request in made)
    assert [shares[n] / COUNT for n in (1, 2, 3)] == pytest.approx([0.35, 0.45, 0.2], abs=0.04)


def test_a_quarter_is_as_if_spoken_without_marks_and_capitals(made: list[Joined]) -> None:
    spoken = [m for m in made if m.text == m.text.lower() and not set(m.text) & set("!?:;)\n-")]
    assert 0.2 < len(spoken) / COUNT < 0.35


def test_some_are_lists_that_count_from_one(made: list[Joined]) -> None:
    listed = [m for m in made if len(experts(m)) > 1 and "1) " in m.text]
    assert listed
    for request in listed:
        marks = [f"{n}) " for n in range(1, len(experts(request)) + 1)]
        assert [mark for mark in marks if mark in request.text] == marks
        assert "\n" in request.text


def test_fillers_stand_before_between_and_after_the_parts(made: list[Joined]) -> None:
    places = Counter[str]()
    for request in made:
        own = [region.expert is None for region in request.regions]
        places["before"] += own[0]
        places["after"] += own[-1]
        places["between"] += any(own[1:-1])
    assert places["before"] / COUNT == pytest.approx(0.2, abs=0.04)
    assert places["after"] / COUNT == pytest.approx(0.1, abs=0.03)
    assert 0.04 < places["between"] / COUNT < 0.16


def test_the_same_seed_makes_the_same_requests() -> None:
    assert joined(EXAMPLES, 20, seed=1) == joined(EXAMPLES, 20, seed=1)
    assert joined(EXAMPLES, 20, seed=1) != joined(EXAMPLES, 20, seed=2)


def test_without_examples_there_are_none() -> None:
    assert joined({"silent": []}, 5) == []


def test_parts_are_joined_by_what_the_splitter_can_cut_at(made: list[Joined]) -> None:
    openings = Openings([example for texts in EXAMPLES.values() for example in texts])
    divided = 0
    for request in made:
        pieces = cut(request.text, openings)
        parts = parts_of(request, pieces) or ()
        divided += len(parts) == len(request.regions)
        starts = {region.start for region in request.regions}
        # A filler may begin with a joint of its own.
        for first in (first for first, _, expert in parts if expert is not None):
            listed = re.match(r"(?:\(?\d[.)] |- )?", request.text[pieces[first].start :])
            assert listed is not None
            assert pieces[first].start + listed.end() in starts, request.text
    assert divided > 0.8 * COUNT


def pieces(*places: tuple[int, int]) -> list[Piece]:
    return [Piece(text="x", start=start, end=end, sign=Sign.COMMA) for start, end in places]


@pytest.mark.parametrize(
    ("places", "parts"),
    [
        ([(0, 9), (14, 20)], [(0, 1, None), (1, 2, "math")]),
        ([(0, 4), (5, 9), (14, 20)], [(0, 2, None), (2, 3, "math")]),
        ([(0, 9), (14, 17), (18, 20)], [(0, 1, None), (1, 3, "math")]),
        ([(0, 11), (14, 20)], [(0, 1, None), (1, 2, "math")]),  # with the mark at its end
        ([(0, 12), (14, 20)], None),
        ([(0, 20)], None),
        # A piece that begins where a part ends is not in it.
        ([(10, 20)], [(0, 1, "math")]),
        ([], None),
    ],
)
def test_each_part_has_the_pieces_that_lie_in_it(
    places: list[tuple[int, int]], parts: list[tuple[int, int, str | None]] | None
) -> None:
    regions = Region(start=0, end=10, expert=None), Region(start=14, end=20, expert="math")
    assert parts_of(Joined(text="x" * 20, regions=regions), pieces(*places)) == parts
