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
    "span": (0.84, 0.86),
    "mean": (0.39, 0.06),
    "asked": (0.08, 0.09),
    "told": (0.14, 0.04),
    "segment": (0.07, -0.06),
    "short": (-0.93, -1.53),
    "alone": (-1.25, -1.27),
    "unasked": (-2.61, -2.93),
    "nobody": (-2.03, -1.95),
    "nobody_like_filler": (3.81, 5.19),
    "nobody_size": (-1.97, -0.84),
    "nobody_fit": (-1.37, -1.07),
    "nobody_asks": (-1.02, -1.11),
    "sign_none": (0.03, -0.48),
    "sign_joint": (-0.36, -1.42),
    "sign_comma": (0.41, -1.11),
    "sign_colon": (1.8, 1.28),
    "sign_sentence": (-0.81, 0.13),
    "sign_line": (-0.12, 0.14),
    "sign_mark": (0.99, 1.51),
    "sign_paragraph": (-0.39, 0.11),
    "joint": (1.81, 2.17),
    "asks": (2.93, 2.27),
    "begins": (0.88, 0.22),
    "ends": (1.77, 1.02),
    "likeness": (-3.07, -2.72),
    "refers": (-0.49, -0.78),
    "shared": (-1.75, -0.98),
    "thin": (-0.83, -1.41),
    "refers_span": (1.49, -0.11),
    "refers_thin": (-1.2, -0.81),
    "general": (-2.56, -2.56),
    "general_short": (0.33, 0.33),
    "general_unasked": (0.02, 0.02),
    "general_refers": (-0.03, -0.03),
    "general_lead": (0.04, 0.04),
}
PRIOR, BY_DESCRIPTION = np.array([_WEIGHTS[name] for name in FEATURES]).T
