"""Every parameter of the merge methods."""

from __future__ import annotations

from metier.merging.method import Parameter

Numbers = tuple[float, ...]

WEIGHT: Parameter[Numbers] = Parameter(
    name="weight",
    kind="per model",
    help="Weight of a model.",
    default=None,
)
DENSITY: Parameter[Numbers] = Parameter(
    name="density",
    kind="per model",
    help="Share of a model's differences from the base that is kept, 0 to 1.",
    default=1.0,
    least=0,
    most=1,
)
GAMMA: Parameter[Numbers] = Parameter(
    name="gamma",
    kind="per model",
    help="Share of the largest differences that is dropped, 0 to 1.",
    default=0.01,
    least=0,
    most=1,
)
EPSILON: Parameter[Numbers] = Parameter(
    name="epsilon",
    kind="per model",
    help="Largest distance of the chance to keep a difference from the density.",
    default=0.15,
    least=0,
    most=1,
)
SCALE: Parameter[Numbers] = Parameter(
    name="scale",
    kind="per model",
    help="Factor of the weights.",
    default=1.0,
)
T: Parameter[float] = Parameter(
    name="t",
    kind="number",
    help="Place on the arc: 0 is the first model, 1 the second.",
    default=0.5,
    least=0,
    most=1,
)
LAMBDA: Parameter[float] = Parameter(
    name="lambda",
    kind="number",
    help="Factor of the sum of the differences.",
    default=1.0,
)
NORMALIZE: Parameter[bool] = Parameter(
    name="normalize",
    kind="flag",
    help="Divide by the sum of the weights.",
    default=False,
)
RESCALE: Parameter[str] = Parameter(
    name="rescale",
    kind="choice",
    help="Scale differences up to the tensor's sum of magnitudes (l1, as mergekit does), by "
    "1 / the chance to keep them (density, as in the papers), or not at all.",
    default="l1",
    choices=("l1", "density", "none"),
)
SEED: Parameter[int] = Parameter(
    name="seed",
    kind="whole",
    help="Seed of the random choice.",
    default=0,
)
FILTER_WISE: Parameter[bool] = Parameter(
    name="filter_wise",
    kind="flag",
    help="Measure how much models agree for each row of a tensor by itself.",
    default=False,
)
FLATTEN: Parameter[bool] = Parameter(
    name="nuslerp_flatten",
    kind="flag",
    help="Take a whole tensor as one vector.",
    default=True,
)
ROW_WISE: Parameter[bool] = Parameter(
    name="nuslerp_row_wise",
    kind="flag",
    help="If a tensor is not flattened, take its columns as vectors instead of its rows.",
    default=False,
)
