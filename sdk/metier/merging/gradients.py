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
    """A value for the tensors whose name contains `filter`; for all where that is None or `*`."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid")

    value: Number | Gradient
    filter: str | None = None

    def fits(self, names: Sequence[str]) -> bool:
        """Whether it is for the tensor with these names."""
        return self.filter in (None, "*") or any(str(self.filter) in name for name in names)


# A list of choices: the first that fits a tensor holds.
Setting = Number | Gradient | Annotated[tuple[Choice, ...], Field(min_length=1)]


def depth(tensor: str, layers: int) -> float:
    """Where a tensor's layer is between the first (0) and the last (1).

    As in mergekit, what is in no layer is where the first is, and the only layer where the last is.
    """
    found = _LAYER.match(tensor)
    if found is None:
        return 0.0
    return int(found[1]) / (layers - 1) if layers > 1 else 1.0


def value_at(setting: Setting | None, names: Sequence[str], depth: float) -> float | None:
    """What a setting says of one tensor; None where it says nothing.

    Args:
        names: what the tensor is called, in GGUF and by transformers.
    """
    match setting:
        case None:
            return None
        case int() | float():
            return float(setting)
    if choices := [each for each in setting if isinstance(each, Choice)]:
        chosen = next((each for each in choices if each.fits(names)), None)
        return value_at(chosen.value, names, depth) if chosen else None
    return _between([each for each in setting if not isinstance(each, Choice)], depth)


def _between(values: Sequence[float], depth: float) -> float:
    place = depth * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return (1 - (place - low)) * values[low] + (place - low) * values[high]


def numbers_in(setting: Setting | None) -> Iterator[float]:
    """Every number in a setting."""
    match setting:
        case None:
            return
        case int() | float():
            yield float(setting)
        case _:
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
