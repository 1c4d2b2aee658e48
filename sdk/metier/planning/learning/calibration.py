"""The calibration that an evaluation learns: a file next to the index, readable and diffable."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from metier.planning.learning.artefacts import Packed


class PlattScaling(BaseModel):
    """Logistic regression from similarity to probability (Platt scaling).

    p = 1 / (1 + exp(-(score_weight · score + lead_weight · lead + contrast_weight · contrast +
    bias))), where `lead` is the score minus the best score of another expert, and `contrast` the
    score's distance from the mean over all capabilities, in standard deviations.

    Attributes:
        fitted_on: number of observations; 0 for metier's defaults.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    score_weight: float = 0.0
    lead_weight: float = 0.0
    contrast_weight: float = 0.0
    bias: float = 0.0
    fitted_on: int = 0


# Fitted on metier's own domains, and on descriptions of tools with questions for them.
RIGHT = PlattScaling(score_weight=7.5, lead_weight=9.0, bias=-2.5)
FITS = PlattScaling(score_weight=8.0, contrast_weight=0.6, bias=-4.0)


class Calibration(BaseModel):
    """The calibration of one index.

    Attributes:
        right: maps scores to the probability that an expert is the right one.
        fits: maps scores to the probability that an expert fits, even if another fits better.
        threshold: the probability of fitting below which no expert is chosen.
        thresholds: the thresholds of experts that need another one.
    """

    name: ClassVar[str] = "calibration"
    teaches: ClassVar[str] = "how likely an expert fits, and the threshold below which none does"
    version: ClassVar[int] = 1

    model_config = ConfigDict(frozen=True, defer_build=True)

    right: PlattScaling = RIGHT
    fits: PlattScaling = FITS
    threshold: float = Field(0.5, ge=0, le=1)
    thresholds: dict[str, float] = Field(default_factory=dict)

    def packed(self) -> Packed:
        """Return what to save."""
        return Packed(data=self.model_dump(mode="json"))

    @classmethod
    def unpacked(cls, packed: Packed) -> Self:
        """Return what was saved.

        Raises:
            ValueError: it is incomplete.
        """
        return cls.model_validate(packed.data)
