"""The weights of a segment's features that metier comes with.

They were fitted as `segmenting.learnt` fits, to the order of the experts alone: the first ones to
questions that were written for it and joined questions of public sets, with the four experts of
metier; the second ones to requests for hundreds of tools that have a description and no examples.
None of these questions is reported (docs/results/natural.md, docs/results/multi-intent.md).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from metier.planning.segmenting import FEATURES

_WEIGHTS: Mapping[str, tuple[float, float]] = {
    "span": (0.8, 0.86),
    "mean": (0.45, 0.06),
    "asked": (0.04, 0.09),
    "told": (0.16, 0.04),
    "segment": (-0.03, -0.66),
    "short": (-0.95, -1.53),
    "alone": (-1.58, -1.27),
    "unasked": (-2.53, -2.93),
    "nobody": (-2.35, -1.95),
    "nobody_like_filler": (5.09, 5.19),
    "nobody_size": (-1.59, -0.84),
    "nobody_fit": (-1.39, -1.07),
    "nobody_asks": (-1.26, -1.11),
    "sign_none": (-0.48, -0.48),
    "sign_joint": (-0.31, -1.42),
    "sign_comma": (0.32, -1.11),
    "sign_colon": (1.3, 1.28),
    "sign_sentence": (-0.67, 0.13),
    "sign_line": (0.14, 0.14),
    "sign_mark": (1.51, 1.51),
    "sign_paragraph": (0.11, 0.11),
    "joint": (1.65, 2.17),
    "asks": (2.7, 2.27),
    "begins": (0.66, 0.22),
    "ends": (1.46, 1.02),
    "likeness": (-2.8, -2.72),
    "refers": (-0.5, -0.78),
    "shared": (-1.26, -0.98),
    "thin": (-0.68, -1.41),
    "refers_span": (1.02, -0.11),
    "refers_thin": (-0.88, -0.81),
    "general": (-2.55, -2.55),
    "general_short": (0.39, 0.39),
    "general_unasked": (0.02, 0.02),
    "general_refers": (-0.16, -0.16),
    "general_lead": (0.03, 0.03),
}
PRIOR, BY_DESCRIPTION = np.array([_WEIGHTS[name] for name in FEATURES]).T
