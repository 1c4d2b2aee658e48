"""What evaluation taught: a file beside the index, readable and diffable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from metier.settings.files import save


class Calibration(BaseModel):
    """Logistic regression from similarity to probability (Platt scaling).

    p = 1 / (1 + exp(-(score_weight · score + lead_weight · lead + contrast_weight · contrast +
    bias))), where `lead` is the score less the best score of another expert, and `contrast` the
    score's distance from the mean over all capabilities, in standard deviations.

    Attributes:
        fitted_on: number of observations; 0 for the values that metier comes with.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    score_weight: float = 0.0
    lead_weight: float = 0.0
    contrast_weight: float = 0.0
    bias: float = 0.0
    fitted_on: int = 0


# Fitted on metier's own domains, and on descriptions of tools with questions to them.
RIGHT = Calibration(score_weight=7.5, lead_weight=9.0, bias=-2.5)
FITS = Calibration(score_weight=8.0, contrast_weight=0.6, bias=-4.0)


class Profile(BaseModel):
    """What one index was found to need.

    Attributes:
        index_hash: of the cards that it belongs to; a profile of another index is not used.
        right: from how near an expert is to the probability that it is the right one.
        fits: from how near an expert is to the probability that it fits at all, whoever may fit
            better.
        threshold: probability of fitting below which nobody is chosen.
        thresholds: those of experts that need another one.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    index_hash: str = ""
    right: Calibration = RIGHT
    fits: Calibration = FITS
    threshold: float = Field(0.5, ge=0, le=1)
    thresholds: dict[str, float] = Field(default_factory=dict)

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
        save(file, (json.dumps(self.model_dump(mode="json"), indent=2) + "\n").encode())
