"""What evaluation taught: a file beside the index, readable and diffable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from metier.errors import IndexUnavailable


class Calibration(BaseModel):
    """Logistic regression from similarity to probability (Platt scaling).

    p = 1 / (1 + exp(-(score_weight · score + margin_weight · margin + bias))), where `margin` is
    the score less the best score of another expert.

    Attributes:
        fitted_on: number of observations; 0 for the values that metier comes with, which were
            fitted on its own domains.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    score_weight: float = 7.5
    margin_weight: float = 9.0
    bias: float = -2.5
    fitted_on: int = 0


class Profile(BaseModel):
    """What one index was found to need.

    Attributes:
        index_hash: of the cards that it belongs to; a profile of another index is not used.
        threshold: probability below which nobody is chosen.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    index_hash: str = ""
    calibration: Calibration = Calibration()
    threshold: float = Field(0.5, ge=0, le=1)

    @classmethod
    def load(cls, file: Path, *, index_hash: str) -> Self | None:
        """The profile of this index, or None where there is none."""
        try:
            profile = cls.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):
            return None
        return profile if profile.index_hash == index_hash else None

    def save(self, file: Path) -> None:
        """Write it.

        Raises:
            IndexUnavailable: the file cannot be written.
        """
        try:
            file.write_text(json.dumps(self.model_dump(mode="json"), indent=2) + "\n")
        except OSError as exc:
            raise IndexUnavailable(f"{file} cannot be written: {exc.strerror}") from exc
