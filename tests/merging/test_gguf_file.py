"""The head of a GGUF file, held against the `gguf` package; and files that are damaged."""

from __future__ import annotations

import struct
import sys
from contextlib import suppress
from pathlib import Path

import gguf
import numpy as np
import pytest
from benchmarks import ggufs
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import MergeUnavailable, UnreadableWeights
from metier.merging import encoding
from metier.merging.encoding import STORED, block, decoded, encoded, readable, usual_name
from metier.merging.gguf_file import GgufFile
from metier.merging.weights import Patched, Span, Stored, opened

DRAW = np.random.default_rng(0)
TENSORS = {
    "token_embd.weight": DRAW.standard_normal((6, 32), dtype=np.float32),
    "blk.0.ffn_up.weight": DRAW.standard_normal((8, 256), dtype=np.float32),
    "blk.0.attn_norm.weight": np.ones(32, np.float32),
}
KINDS = {"token_embd.weight": "Q8_0", "blk.0.ffn_up.weight": "F16"}
READ = [
    kind.name for kind in gguf.GGMLQuantizationType if kind.name not in ("I8", "I16", "I32", "I64")
]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    keys = {"general.tags": ["a", "é"], "x.flag": True, "x.scores": [0.5, -1.0]}
    return ggufs.written(tmp_path / "small.gguf", TENSORS, kinds=KINDS, keys=keys)


def test_keys_and_tensors_are_those_that_the_gguf_package_reads(small: Path) -> None:
    ours, theirs = GgufFile.open(small), gguf.GGUFReader(small)
    assert [(t.name, t.kind, t.offset, t.size_bytes) for t in ours.tensors.values()] == [
        (t.name, t.tensor_type.name, t.data_offset, t.n_bytes) for t in theirs.tensors
    ]
    assert [t.shape for t in ours.tensors.values()] == [tuple(t.shape) for t in theirs.tensors]
    for name in ours.keys:
        expected = theirs.fields[name].contents()
        read = ours.texts(name) or ours.numbers(name) or ours.scalar(name)
        assert read == expected


def test_an_entry_is_the_bytes_that_stand_in_the_file(small: Path) -> None:
    entry = GgufFile.open(small).entry("general.architecture")
    name = struct.pack("<Q", 20) + b"general.architecture"
    assert entry == name + struct.pack("<IQ", 8, 5) + b"llama"


def test_a_key_that_is_not_there_or_of_another_kind_reads_as_nothing(small: Path) -> None:
    file = GgufFile.open(small)
    assert file.scalar("gone") is None
    assert file.scalar("general.tags") is None
    assert file.texts("x.scores") == []
    assert file.numbers("general.tags") == []
    assert file.value_bytes("gone") == b""


@given(cut=st.floats(0, 1, exclude_max=True))
def test_a_file_that_is_cut_off_anywhere_is_refused(
    cut: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    whole = ggufs.written(folder / "whole.gguf", TENSORS)
    data = whole.read_bytes()
    # The padding after the last tensor says nothing.
    end = max(t.offset + t.size_bytes for t in GgufFile.open(whole).tensors.values())
    part = folder / "part.gguf"
    part.write_bytes(data[: int(cut * end)])
    with pytest.raises(UnreadableWeights):
        GgufFile.open(part)


@given(at=st.integers(0, 400), value=st.integers(0, 255))
def test_a_wrong_byte_in_the_head_is_an_error_of_ours_or_none(
    at: int, value: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = ggufs.written(tmp_path_factory.mktemp("wrong") / "x.gguf", TENSORS)
    data = bytearray(file.read_bytes())
    data[at] = value
    file.write_bytes(data)
    with suppress(UnreadableWeights):
        assert GgufFile.open(file).tensors.keys()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "its header is damaged, truncated, or larger"),
        (b"PK\x03\x04 and so on", "it is not a GGUF file"),
        (b"GGUF" + struct.pack("<I", 1), "its version, 1, is neither 2 nor 3"),
        (b"GGUF\x00\x00\x00\x03" + bytes(16), "its version, 50331648, is neither"),
    ],
)
def test_what_is_no_gguf_file_is_refused_with_its_reason(
    data: bytes, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(data)
    with pytest.raises(UnreadableWeights, match=reason):
        GgufFile.open(file)


@pytest.mark.parametrize("kind", READ)
def test_every_type_that_the_package_reads_is_read(kind: str) -> None:
    numbers, size = block(kind)
    stored = gguf.GGMLQuantizationType[kind]
    data = np.zeros((1, 4 * size), np.uint8)
    try:
        expected = gguf.quants.dequantize(data, stored)
    except NotImplementedError:
        assert not readable(kind)
        return
    assert readable(kind)
    np.testing.assert_array_equal(decoded(data.tobytes(), kind), expected.reshape(-1))
    assert len(decoded(data.tobytes(), kind)) == 4 * numbers


@pytest.mark.parametrize("kind", STORED)
def test_what_is_written_is_what_the_package_writes_row_by_row(kind: str) -> None:
    values = DRAW.standard_normal((40, 96), dtype=np.float32)
    expected = gguf.quants.quantize(values, gguf.GGMLQuantizationType[kind])
    assert encoded(values.reshape(-1), kind).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("name", "usual"),
    [
        ("blk.3.attn_q.weight", "model.layers.3.self_attn.q_proj.weight"),
        ("blk.0.ffn_down.weight", "model.layers.0.mlp.down_proj.weight"),
        ("blk.2.attn_norm.weight", "model.layers.2.input_layernorm.weight"),
        ("token_embd.weight", "model.embed_tokens.weight"),
        ("output.weight", "lm_head.weight"),
    ],
)
def test_tensors_are_known_by_the_names_of_transformers(name: str, usual: str) -> None:
    assert usual_name(name, "qwen2", 4) == usual


@given(start=st.integers(0, 9), length=st.integers(1, 10))
def test_rows_of_another_model_stand_in_for_those_that_are_missing(
    start: int, length: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    own = np.full((4, 32), 1, np.float32)
    other = np.full((6, 32), 2, np.float32)
    files = [
        GgufFile.open(ggufs.written(folder / f"{n}", {"token_embd.weight": each}))
        for n, each in enumerate((own, other))
    ]
    rows = np.array([1, 4, 5])
    expected = np.array([1, 2, 1, 1, 2, 2], np.float32).repeat(32)
    with opened(files[0].path) as first, opened(files[1].path) as second:
        stored = [
            Stored(file=file, path=read.path, tensor=read.tensors["token_embd.weight"])
            for file, read in zip((first, second), files, strict=True)
        ]
        patched = Patched(own=stored[0], other=stored[1], rows=rows, width=32)
        span = Span(start * 16, min((start + length) * 16, 192))
        np.testing.assert_array_equal(patched.read(span), expected[span.start : span.stop])


def test_without_the_extra_it_says_what_to_install(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    encoding.package.cache_clear()
    try:
        with pytest.raises(MergeUnavailable, match="merging needs the package gguf") as caught:
            GgufFile.open(small)
    finally:
        encoding.package.cache_clear()
    assert "pip install 'metier[merge]'" in caught.value.hint
