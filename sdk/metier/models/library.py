"""How large models of Ollama's library are, before they are downloaded."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from metier.settings.reading import parsed_toml, read_text

_SIZES = Path(__file__).with_name("library.toml")
_GB = 10**9
# A tag such as `7b`, `e4b-it-q8_0` or `30b-a3b`; models are quantized to four bits if it does not
# say otherwise.
_PARAMETERS = re.compile(r"(?:^|-)e?(\d{1,4}(?:\.\d{1,3})?)([bm])(?:-|$)", re.IGNORECASE)
_BILLIONS = {"b": 1.0, "m": 0.001}
_BYTES_PER_PARAMETER = (("fp16", 2.0), ("bf16", 2.0), ("q8", 1.1), ("", 0.65))


def library_size_bytes(model: str) -> int | None:
    """The size of a model's download; estimated from its tag, None if that says nothing."""
    known = _known_sizes().get(model)
    if known is not None:
        return known
    tag = model.rpartition("/")[2].partition(":")[2].lower()
    if not (found := _PARAMETERS.search(tag)):
        return None
    billions = float(found[1]) * _BILLIONS[found[2].lower()]
    each = next(size for mark, size in _BYTES_PER_PARAMETER if mark in tag)
    return int(billions * each * _GB)


@cache
def _known_sizes() -> dict[str, int]:
    sizes = parsed_toml(read_text(_SIZES))["sizes_gb"]
    return {model: int(gigabytes * _GB) for model, gigabytes in sizes.items()}
