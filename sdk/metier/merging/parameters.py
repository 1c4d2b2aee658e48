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
    help="Share of a model's differences from the base to keep, 0 to 1.",
    default=1.0,
    least=0,
    most=1,
)
GAMMA: Parameter[Numbers] = Parameter(
    name="gamma",
    kind="per model",
    help="Share of the differences to drop, the largest first, 0 to 1.",
    default=0.01,
    least=0,
    most=1,
)
EPSILON: Parameter[Numbers] = Parameter(
    name="epsilon",
    kind="per model",
    help="Maximum distance between the probability of keeping a difference and the density.",
    default=0.15,
    least=0,
    most=1,
)
SCALE: Parameter[Numbers] = Parameter(
    name="scale",
    kind="per model",
    help="Factor to multiply the weights by.",
    default=1.0,
)
T: Parameter[float] = Parameter(
    name="t",
    kind="number",
    help="Position on the arc: 0 is the first model, 1 the second.",
    default=0.5,
    least=0,
    most=1,
)
LAMBDA: Parameter[float] = Parameter(
    name="lambda",
    kind="number",
    help="Factor to multiply the sum of the differences by.",
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
    help="Scale differences up to the tensor's original sum of magnitudes (l1, as in mergekit), by "
    "1 / the probability of keeping them (density, as in the papers), or not at all (none).",
    default="l1",
    choices=("l1", "density", "none"),
)
SEED: Parameter[int] = Parameter(
    name="seed",
    kind="whole",
    help="Seed of the random numbers.",
    default=0,
)
FILTER_WISE: Parameter[bool] = Parameter(
    name="filter_wise",
    kind="flag",
    help="Measure how much the models agree separately for each row of a tensor.",
    default=False,
)
FLATTEN: Parameter[bool] = Parameter(
    name="nuslerp_flatten",
    kind="flag",
    help="Treat a whole tensor as one vector.",
    default=True,
)
ROW_WISE: Parameter[bool] = Parameter(
    name="nuslerp_row_wise",
    kind="flag",
    help="If a tensor is not flattened, treat its columns as vectors instead of its rows.",
    default=False,
)
