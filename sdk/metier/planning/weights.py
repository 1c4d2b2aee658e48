"""metier's default weights of a segment's features.

They were fitted as in `segmenting.learnt`, to the order of the experts only: the first ones to
questions written for this purpose and joined questions of public sets, with metier's four experts;
the second ones to requests for hundreds of tools with descriptions but no examples. None of these
questions is in a reported result (docs/results/natural.md, docs/results/multi-intent.md).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from metier.planning.segmenting import FEATURES

_WEIGHTS: Mapping[str, tuple[float, float]] = {
    "span": (0.69, 0.86),
    "mean": (0.45, 0.06),
    "asked": (0.06, 0.09),
    "told": (0.22, 0.04),
    "segment": (-0.36, -0.06),
    "short": (-1.05, -1.53),
    "alone": (-2.19, -1.27),
    "unasked": (-4.06, -2.93),
    "nobody": (-1.70, -1.95),
    "nobody_like_filler": (4.61, 5.19),
    "nobody_size": (-2.53, -0.84),
    "nobody_fit": (-1.45, -1.07),
    "nobody_asks": (-0.27, -1.11),
    "sign_none": (0.00, -0.48),
    "sign_joint": (-0.45, -1.42),
    "sign_comma": (0.36, -1.11),
    "sign_colon": (1.88, 1.28),
    "sign_sentence": (-0.80, 0.13),
    "sign_line": (-0.09, 0.14),
    "sign_mark": (1.51, 1.51),
    "sign_paragraph": (-1.20, 0.11),
    "joint": (1.31, 2.17),
    "asks": (3.85, 2.27),
    "begins": (2.34, 0.22),
    "ends": (1.37, 1.02),
    "likeness": (-2.12, -2.72),
    "refers": (0.27, -0.78),
    "shared": (-1.67, -0.98),
    "thin": (-1.78, -1.41),
    "refers_span": (0.24, -0.11),
    "refers_thin": (-1.79, -0.81),
    "general": (-0.89, -2.56),
    "general_short": (-0.40, 0.33),
    "general_unasked": (0.37, 0.02),
    "general_refers": (-1.08, -0.03),
    "general_lead": (0.10, 0.04),
    "figures": (0.50, 0.0),
    "unfit": (-0.64, 0.0),
    "near": (0.91, 0.0),
}
PRIOR, BY_DESCRIPTION = np.array([_WEIGHTS[name] for name in FEATURES]).T
