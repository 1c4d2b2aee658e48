"""A value that may differ from layer to layer and from tensor to tensor, as mergekit's may."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_LAYER = re.compile(r"^blk\.(\d+)\.")

Number = Annotated[float, Field(allow_inf_nan=False)]
# From the first layer to the last, evenly spread.
Gradient = Annotated[tuple[Number, ...], Field(min_length=1)]


class Choice(BaseModel):
    """A value for the tensors whose name contains `filter`; for all if that is None or `*`."""

    # Not deferred: a recipe's parameters have no type of their own that would build it.
    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Number | Gradient
    filter: str | None = None

    def fits(self, tensor: str) -> bool:
        """Whether it is for the tensor with this name."""
        return self.filter in (None, "*") or str(self.filter) in tensor


# A list of choices: the first that fits a tensor holds.
Setting = Number | Gradient | Annotated[tuple[Choice, ...], Field(min_length=1)]


def layer_of(tensor: str) -> int | None:
    """The number of the layer that a tensor is in."""
    found = _LAYER.match(tensor)
    return int(found[1]) if found else None


def depth(tensor: str, layers: int) -> float:
    """Where a tensor's layer is between the first (0) and the last (1).

    As in mergekit, what is in no layer is where the first is, and the only layer where the last is.
    """
    layer = layer_of(tensor)
    if layer is None:
        return 0.0
    return layer / (layers - 1) if layers > 1 else 1.0


def choices(setting: Setting) -> list[Choice]:
    """The choices of a setting; empty if it is one value for all tensors."""
    if isinstance(setting, int | float):
        return []
    return [each for each in setting if isinstance(each, Choice)]


def chosen(setting: Setting, tensor: str) -> Setting | Choice | None:
    """What holds for a tensor: a choice, or the setting as it is; None if no filter fits."""
    if found := choices(setting):
        return next((each for each in found if each.fits(tensor)), None)
    return setting


def value_at(setting: Setting, tensor: str, depth: float) -> float | None:
    """The value for one tensor; None if no filter fits."""
    match chosen(setting, tensor):
        case None:
            return None
        case Choice(value=value):
            return value_at(value, tensor, depth)
        case int() | float() as number:
            return float(number)
        case gradient:
            return _between([each for each in gradient if not isinstance(each, Choice)], depth)


def _between(values: Sequence[float], depth: float) -> float:
    place = depth * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return (1 - (place - low)) * values[low] + (place - low) * values[high]


def numbers_in(setting: Setting) -> Iterator[float]:
    """Every number in a setting."""
    if isinstance(setting, int | float):
        yield float(setting)
        return
    for part in setting:
        yield from numbers_in(part.value if isinstance(part, Choice) else part)


def first_error(exc: ValidationError, *, where: str = "") -> str:
    """Return the first error: the file, the key and the reason."""
    error = exc.errors()[0]
    # After the key come the types that were tried for its value.
    place = takewhile(lambda part: part != "float" and "[" not in str(part), error["loc"])
    key = ".".join(map(str, place))
    message = error["msg"].removeprefix("Value error, ")
    return ": ".join(part for part in (where, key, message) if part)
