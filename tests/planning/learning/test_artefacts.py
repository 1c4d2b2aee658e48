"""What is learnt is kept in one place: an artefact defined here is saved, loaded and listed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import IndexUnavailable
from metier.planning.learning.artefacts import ArtefactStore, Packed


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """How long answers are: all that a new artefact needs."""

    name: ClassVar[str] = "lengths"
    teaches: ClassVar[str] = "how long answers are"
    version: ClassVar[int] = 1

    unit: str
    mean: npt.NDArray[np.float64]

    def packed(self) -> Packed:
        return Packed(data={"unit": self.unit}, arrays={"mean": self.mean})

    @classmethod
    def unpacked(cls, packed: Packed) -> Self:
        return cls(unit=str(packed.data["unit"]), mean=packed.arrays["mean"])


class Newer(Lengths):
    version: ClassVar[int] = 2


LENGTHS = Lengths(unit="words", mean=np.array([3.5, 4.0]))


def store(folder: Path, embedder_id: str = "fixed/8") -> ArtefactStore:
    return ArtefactStore(folder, embedder_id=embedder_id)


def test_what_is_saved_is_loaded_and_can_be_read(tmp_path: Path) -> None:
    file = store(tmp_path).save(LENGTHS)
    loaded = store(tmp_path).load(Lengths)
    assert loaded is not None
    assert (loaded.unit, loaded.mean.tolist()) == ("words", [3.5, 4.0])
    assert '    "unit": "words"' in file.read_text().splitlines()


def test_what_holds_for_other_cards_another_embedder_or_version_is_not_used(
    tmp_path: Path,
) -> None:
    store(tmp_path).save(LENGTHS, of="cards")
    assert store(tmp_path).load(Lengths, of="cards")
    assert store(tmp_path).load(Lengths, of="others") is None
    assert store(tmp_path).load(Newer, of="cards") is None
    assert store(tmp_path, "minilm").load(Lengths, of="cards") is None


def test_the_status_says_what_is_kept_and_why_it_is_not_used(tmp_path: Path) -> None:
    store(tmp_path).save(LENGTHS, of="cards")
    (tmp_path / "votes.json").write_text("{}")
    fits, damaged = store(tmp_path).status(of="cards")
    assert (fits.name, fits.teaches, fits.problem) == ("lengths", "how long answers are", "")
    assert fits.size_bytes > 100
    assert (damaged.name, damaged.problem) == ("votes", "damaged")
    assert store(tmp_path).status(of="others")[0].problem == "learnt for other cards"
    (other, _) = store(tmp_path, "minilm").status(of="cards")
    assert other.problem == "learnt with the embedder fixed/8"


def test_what_is_removed_is_gone_with_its_arrays(tmp_path: Path) -> None:
    store(tmp_path).save(LENGTHS)
    assert store(tmp_path).remove("lengths")
    assert not list(tmp_path.glob("lengths*"))
    assert not store(tmp_path).remove("lengths")


@given(st.data())
def test_what_is_damaged_is_as_if_it_were_not_there(data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        store(Path(name)).save(LENGTHS)
        file = data.draw(st.sampled_from(sorted(Path(name).glob("lengths*"))))
        content = bytearray(file.read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[at] ^= data.draw(st.integers(1, 255))
        else:
            del content[at:]
        file.write_bytes(bytes(content))
        loaded = store(Path(name)).load(Lengths)
    # White space in the JSON may change without a difference.
    assert loaded is None or loaded.mean.tolist() == [3.5, 4.0]


def test_arrays_of_an_earlier_save_are_not_mixed_with_this_one(tmp_path: Path) -> None:
    store(tmp_path).save(LENGTHS)
    (file,) = tmp_path.glob("lengths.*.npz")
    arrays = file.read_bytes()
    store(tmp_path).save(Lengths(unit="words", mean=np.array([9.0])))
    (file,) = tmp_path.glob("lengths.*.npz")
    file.write_bytes(arrays)
    assert store(tmp_path).load(Lengths) is None


def test_arrays_under_the_name_that_they_had_before_are_read(tmp_path: Path) -> None:
    store(tmp_path).save(LENGTHS)
    (file,) = tmp_path.glob("lengths.*.npz")
    file.rename(tmp_path / "lengths.npz")
    loaded = store(tmp_path).load(Lengths)
    assert loaded is not None
    assert loaded.mean.tolist() == [3.5, 4.0]
    store(tmp_path).save(LENGTHS)
    assert [each.name for each in tmp_path.glob("*.npz")] == [file.name]


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pickle"):
        store(tmp_path).save(Lengths(unit="", mean=np.array([{}], dtype=object)))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IndexUnavailable, match=r"lengths\.json cannot be written"):
        store(tmp_path / "file").save(LENGTHS)


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"a":' * 50_000, f'{{"format": {"9" * 5000}}}']
)
def test_json_of_any_depth_is_as_if_it_were_not_there(tmp_path: Path, content: str) -> None:
    store(tmp_path).save(LENGTHS)
    (tmp_path / "lengths.json").write_text(content)
    assert store(tmp_path).load(Lengths) is None
    assert store(tmp_path).status(of="")[0].problem == "damaged"
