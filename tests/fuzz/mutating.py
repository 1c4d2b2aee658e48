"""Inputs that are nearly right: a good one, changed in a few places."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

# Numbers at the edges of what programs count with.
NUMBERS = [b"0", b"-1", b"1e400", b"NaN", b"Infinity", b"9" * 20, b"9" * 5000, b"-0.0"]
BYTES = [b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", "\u202e".encode(), b"\x1b["]
TIMES = (2, 30, 1000)
MOST_BYTES = 100_000


def mutated(seeds: Sequence[bytes], words: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """A seed with up to six changes.

    Args:
        words: what the readers of such inputs look for.
    """
    every = [*words, *NUMBERS, *BYTES]

    @st.composite
    def changed(draw: st.DrawFn) -> bytes:
        data = draw(st.sampled_from(seeds))
        for _ in range(draw(st.integers(0, 6))):
            at = draw(st.integers(0, len(data)))
            end = min(len(data), at + draw(st.integers(0, 40)))
            data = data[:at] + draw(_instead(data[at:end], seeds, every)) + data[end:]
        return data[:MOST_BYTES]

    return changed()


def _instead(
    old: bytes, seeds: Sequence[bytes], words: Sequence[bytes]
) -> st.SearchStrategy[bytes]:
    """Nothing, a word, any bytes, the same many times, or a piece of another seed."""
    return (
        st.just(b"")
        | st.sampled_from(words)
        | st.binary(max_size=8)
        | st.text(max_size=8).map(lambda text: text.encode("utf-8", "surrogatepass"))
        | st.tuples(st.sampled_from([old or b"(", *words]), st.sampled_from(TIMES)).map(
            lambda pair: pair[0] * pair[1]
        )
        | st.tuples(st.sampled_from(seeds), st.integers(0, 400)).map(
            lambda pair: pair[0][pair[1] : pair[1] + 60]
        )
    )
