"""Where an answer is cut, whatever the pieces in which it comes."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from metier.engine.cutting import Cut
from metier.engine.recorder import Recorder
from metier.events import Event, Token

# Few letters, so that stop strings occur.
_texts = st.text("abc", max_size=6)
_pieces = st.lists(_texts, max_size=8)


def told(pieces: list[str], cut: Cut) -> tuple[str, int]:
    """The words that are handed out, and how often the end was reported."""
    events: list[Event] = []
    ends: list[None] = []
    recorder = Recorder(events.append, cut=cut)
    recorder.on_cut = lambda: ends.append(None)
    for piece in pieces:
        recorder(Token(text=piece, answer=True))
    recorder.rest()
    text = "".join(event.text for event in events if isinstance(event, Token))
    assert recorder.answer().text == text
    assert [event.seq for event in events] == list(range(len(events)))
    return text, len(ends)


@given(_pieces, st.lists(_texts.filter(bool), max_size=3))
@example(["ab", "c"], ["bc"])
@example(["baba", "a"], ["a", "babaa"])
@example(["babaa"], ["babaa", "a"])
@example(["abc"], ["bc", "abc"])
def test_a_stop_string_ends_an_answer_before_the_one_that_is_complete_first(
    pieces: list[str], stop: list[str]
) -> None:
    text = "".join(pieces)
    ends = [(at + len(each), at) for each in stop if (at := text.find(each)) >= 0]
    cut = Cut(stop)
    _, end = min(ends, default=(0, len(text)))
    assert told(pieces, cut) == (text[:end], len(ends[:1]))
    assert cut.reason == ("stop" if ends else None)


@given(_pieces, st.integers(0, 40))
def test_a_longer_answer_is_cut_at_its_length(pieces: list[str], most: int) -> None:
    text = "".join(pieces)
    cut = Cut((), max_chars=most)
    assert told(pieces, cut)[0] == text[:most]
    assert cut.reason == ("length" if len(text) > most else None)
