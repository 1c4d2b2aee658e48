"""Writing a merged model: what is in it, and that there is all of it or nothing."""

from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path

import gguf
import numpy as np
import pytest
from benchmarks import ggufs
from small_models import model, plan, recipe, weights

from metier.errors import InvalidInput, InvalidRecipe, MergeFailed
from metier.merging import merging
from metier.merging.encoding import STORED, StoredType
from metier.merging.merging import merge
from metier.merging.recipe import read_recipe
from metier.models.server import Progress


@pytest.fixture
def pair(tmp_path: Path) -> list[str]:
    keys = {"general.name": "parent", "general.license": "apache-2.0", "general.author": "someone"}
    other = {"general.license": "MIT"}
    return [
        model(tmp_path / "one.gguf", 0, keys=keys),
        model(tmp_path / "two.gguf", 1, keys=other),
    ]


def test_the_result_says_what_it_is_and_whose(pair: list[str], tmp_path: Path) -> None:
    merge(plan(recipe("slerp", pair, t=0.25)), tmp_path / "out.gguf")
    reader = gguf.GGUFReader(tmp_path / "out.gguf")
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["general.architecture"] == "llama"
    assert fields["general.name"] == "child"
    assert fields["general.license"] == "apache-2.0 AND MIT"
    assert fields["general.base_model.count"] == 2
    assert [fields[f"general.base_model.{n}.name"] for n in range(2)] == ["one.gguf", "two.gguf"]
    assert "general.author" not in fields
    assert fields["tokenizer.ggml.tokens"][:2] == ["t0", "t1"]
    told = json.loads(fields["metier.merge.recipe"])
    assert (told["method"], told["t"]) == ("slerp", 0.25)
    # Where they lay is nobody's business to whom the model is given.
    assert str(tmp_path).encode() not in (tmp_path / "out.gguf").read_bytes()


@pytest.mark.parametrize("kind", STORED)
def test_a_result_of_any_type_is_near_the_exact_one(
    kind: StoredType, pair: list[str], tmp_path: Path
) -> None:
    merge(plan(recipe("linear", pair), kind=kind), tmp_path / "out.gguf")
    result = ggufs.read(tmp_path / "out.gguf")
    # The largest error of a block's number is half a step of 1/8, 1/16 or 1/127 of its largest.
    allowed = {"F32": 1e-6, "F16": 1e-3, "BF16": 1e-2, "Q8_0": 0.02}.get(kind, 0.3)
    for name, values in weights(0).items():
        expected = (values + weights(1)[name]) / 2
        assert result[name].shape == expected.shape
        assert np.abs(result[name] - expected).max() < allowed
        if values.ndim == 1:
            np.testing.assert_allclose(result[name], expected, rtol=1e-6, atol=1e-7)


def test_rows_too_short_for_a_block_are_written_as_f16(tmp_path: Path) -> None:
    tensors = {name: each[..., :24] for name, each in weights(0).items()}
    one = model(tmp_path / "one.gguf", 0, tensors=tensors)
    two = model(tmp_path / "two.gguf", 0, tensors=tensors)
    merge(plan(recipe("linear", [one, two]), kind="Q8_0"), tmp_path / "out.gguf")
    kinds = {t.name: t.tensor_type.name for t in gguf.GGUFReader(tmp_path / "out.gguf").tensors}
    assert kinds["blk.0.attn_q.weight"] == "F16"
    assert kinds["blk.0.attn_norm.weight"] == "F32"


def test_progress_ends_with_all_bytes_and_all_tensors(pair: list[str], tmp_path: Path) -> None:
    told: list[Progress] = []
    done = merge(plan(recipe("linear", pair)), tmp_path / "out.gguf", report=told.append)
    assert (told[-1].status, told[-1].total_bytes) == ("merging: 8/8 tensors", done.size_bytes)
    padding = done.size_bytes - told[-1].done_bytes
    assert 0 <= padding < 8 * 32
    assert [each.done_bytes for each in told] == sorted(each.done_bytes for each in told)
    assert done.weights == sum(each.size for each in weights(0).values())
    assert (tmp_path / "out.gguf").stat().st_size == done.size_bytes


def test_models_are_never_written_to(pair: list[str], tmp_path: Path) -> None:
    before = [Path(each).read_bytes() for each in pair]
    for each in pair:
        Path(each).chmod(0o400)
    merge(plan(recipe("linear", pair)), tmp_path / "out.gguf")
    assert [Path(each).read_bytes() for each in pair] == before


def test_a_model_is_not_written_over_by_its_own_merge(pair: list[str]) -> None:
    before = Path(pair[0]).read_bytes()
    with pytest.raises(InvalidInput, match="is one of the models to merge"):
        merge(plan(recipe("linear", pair)), Path(pair[0]))
    assert Path(pair[0]).read_bytes() == before


def left_in(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def test_where_the_disk_is_full_nothing_half_is_left(
    pair: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = os.pwrite

    def full(file: int, data: bytes, offset: int) -> int:
        if offset > 4000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return written(file, data, offset)

    monkeypatch.setattr(os, "pwrite", full)
    out = tmp_path / "out"
    out.mkdir()
    (out / "child.gguf").write_bytes(b"the one before")
    with pytest.raises(MergeFailed, match=r"child\.gguf cannot be written: No space left"):
        merge(plan(recipe("linear", pair)), out / "child.gguf")
    assert (out / "child.gguf").read_bytes() == b"the one before"
    assert left_in(out) == {"child.gguf"}


def test_where_there_is_no_room_it_says_so_before_it_begins(
    pair: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nearly:
        free = 1000

    monkeypatch.setattr(merging.shutil, "disk_usage", lambda _: Nearly)
    with pytest.raises(MergeFailed, match="has only 0 MB left") as caught:
        merge(plan(recipe("linear", pair)), tmp_path / "out.gguf")
    assert "Free some space" in caught.value.hint


def test_a_folder_that_is_not_there_is_an_error_of_ours(pair: list[str], tmp_path: Path) -> None:
    with pytest.raises(MergeFailed, match="gone cannot be written: No such file"):
        merge(plan(recipe("linear", pair)), tmp_path / "gone" / "out.gguf")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_damaged_weight_stops_the_merge_and_is_named(value: float, tmp_path: Path) -> None:
    tensors = weights(1)
    tensors["blk.1.ffn_up.weight"][3, 5] = value
    one, two = model(tmp_path / "one.gguf", 0), model(tmp_path / "two.gguf", 1, tensors=tensors)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(MergeFailed, match=r"blk\.1\.ffn_up\.weight of .*two\.gguf contains values"):
        merge(plan(recipe("linear", [one, two])), out / "child.gguf")
    assert left_in(out) == set()


def test_numbers_too_large_for_the_type_are_an_error(tmp_path: Path) -> None:
    tensors = {name: each * np.float32(1e6) for name, each in weights(0).items()}
    one, two = (model(tmp_path / f"{n}.gguf", 0, tensors=tensors) for n in range(2))
    with pytest.raises(MergeFailed, match="F16 cannot hold a number as large as") as caught:
        merge(plan(recipe("linear", [one, two]), kind="F16"), tmp_path / "out.gguf")
    assert "BF16" in caught.value.hint


def test_a_file_that_shrinks_meanwhile_is_an_error(pair: list[str], tmp_path: Path) -> None:
    checked = plan(recipe("linear", pair))
    os.truncate(pair[1], 2000)
    with pytest.raises(MergeFailed, match=r"two\.gguf became shorter"):
        merge(checked, tmp_path / "out.gguf")


def test_an_interrupted_merge_leaves_nothing_and_its_threads_end(
    pair: list[str], tmp_path: Path
) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.status.startswith("merging: 3"):
            raise KeyboardInterrupt

    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(KeyboardInterrupt):
        merge(plan(recipe("linear", pair)), out / "child.gguf", threads=4, report=interrupt)
    assert left_in(out) == set()
    assert not [each for each in threading.enumerate() if each.name.startswith("metier-merge")]


@pytest.mark.parametrize(
    ("weight", "complaint"),
    [
        ('[{filter = "mlp", value = 1}, {value = 2}]', "a: weight: the filter 'mlp' matches no"),
        (
            '[{filter = "ffn", value = 1}, {filter = "ffn_up", value = 1}, {value = 2}]',
            "a: weight: the filter 'ffn_up' matches no tensor",
        ),
        ("3", "weight has no effect: every model has its own value"),
    ],
)
def test_a_setting_that_holds_for_no_tensor_is_refused_with_its_file(
    weight: str, complaint: str, pair: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "recipe.toml"
    shared = f"weight = {weight}\n" if weight == "3" else ""
    own = "1" if shared else weight
    file.write_text(
        f'method = "linear"\n{shared}[[models]]\nmodel = "a"\nweight = {own}\n'
        '[[models]]\nmodel = "b"\nweight = 1\n'
    )
    wanted = read_recipe(file).renamed(dict(zip("ab", pair, strict=True)))
    with pytest.raises(InvalidRecipe) as caught:
        plan(wanted)
    assert caught.value.message.startswith(f"{file}: ")
    assert complaint.replace("a: ", f"{pair[0]}: ") in caught.value.message


def test_filters_in_a_recipe_of_ours_use_the_names_in_gguf(pair: list[str], tmp_path: Path) -> None:
    choices = [{"filter": "ffn_up", "value": 1}, {"value": 0}]
    merge(plan(recipe("slerp", pair, t=choices)), tmp_path / "out.gguf")
    result = ggufs.read(tmp_path / "out.gguf")
    np.testing.assert_array_equal(result["blk.1.ffn_up.weight"], weights(1)["blk.1.ffn_up.weight"])
    np.testing.assert_array_equal(result["blk.1.attn_q.weight"], weights(0)["blk.1.attn_q.weight"])


def test_threads_do_not_change_the_result(pair: list[str], tmp_path: Path) -> None:
    base = model(tmp_path / "base.gguf", 2)
    wanted = recipe("dare_ties", pair, base=base, density=0.5)
    for threads in (1, 3):
        merge(plan(wanted), tmp_path / f"{threads}.gguf", threads=threads)
    assert (tmp_path / "1.gguf").read_bytes() == (tmp_path / "3.gguf").read_bytes()
