"""Values that may differ from layer to layer and from tensor to tensor, as in mergekit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_LAYER = re.compile(r"^blk\.(\d+)\.")

Number = Annotated[float, Field(allow_inf_nan=False)]
# From the first layer to the last, evenly spaced.
Gradient = Annotated[tuple[Number, ...], Field(min_length=1)]


class Choice(BaseModel):
    """A value for the tensors whose name contains `filter`; for all if that is None or `*`."""

    # Not deferred: recipes' parameters are untyped, so nothing else would build it.
    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Number | Gradient
    filter: str | None = None

    def fits(self, tensor: str) -> bool:
        """Whether it applies to the tensor with this name."""
        return self.filter in (None, "*") or str(self.filter) in tensor


# In a list of choices, the first that fits a tensor applies.
Setting = Number | Gradient | Annotated[tuple[Choice, ...], Field(min_length=1)]


def layer_of(tensor: str) -> int | None:
    """Return the number of a tensor's layer; None if it is in none."""
    found = _LAYER.match(tensor)
    return int(found[1]) if found else None


def depth(tensor: str, layers: int) -> float:
    """Return the position of a tensor's layer, from 0 (first) to 1 (last).

    As in mergekit, a tensor in no layer is at 0, and a model's only layer is at 1.
    """
    layer = layer_of(tensor)
    if layer is None:
        return 0.0
    return layer / (layers - 1) if layers > 1 else 1.0


def choices(setting: Setting) -> list[Choice]:
    """Return the choices of a setting; empty if it is one value for all tensors."""
    if isinstance(setting, int | float):
        return []
    return [each for each in setting if isinstance(each, Choice)]


def chosen(setting: Setting, tensor: str) -> Setting | Choice | None:
    """Return what applies to a tensor: a choice, or the whole setting; None if no filter fits."""
    if found := choices(setting):
        return next((each for each in found if each.fits(tensor)), None)
    return setting


def value_at(setting: Setting, tensor: str, depth: float) -> float | None:
    """Return the value for one tensor; None if no filter fits."""
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
    """Yield every number in a setting."""
    if isinstance(setting, int | float):
        yield float(setting)
        return
    for part in setting:
        yield from numbers_in(part.value if isinstance(part, Choice) else part)


def first_error(exc: ValidationError, *, where: str = "") -> str:
    """Return the first error: the file, the key and the reason."""
    error = exc.errors()[0]
    # The key is followed by the types that were tried for its value.
    place = takewhile(lambda part: part != "float" and "[" not in str(part), error["loc"])
    key = ".".join(map(str, place))
    message = error["msg"].removeprefix("Value error, ")
    return ": ".join(part for part in (where, key, message) if part)
