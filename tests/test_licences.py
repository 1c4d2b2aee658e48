"""The check of the licences of what metier brings along."""

from __future__ import annotations

import runpy
from email.message import Message
from functools import cache
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "check-licences.py"
MIT, GPL = "License :: OSI Approved :: MIT License", "License :: OSI Approved :: GNU General"


@cache
def check() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def metadata(**fields: str) -> Message:
    made = Message()
    for name, value in fields.items():
        made[name.replace("_", "-")] = value
    return made


def refused(said: Message, *, name: str = "some", optional: bool = False) -> str:
    found = check()["refused"](name, said, optional=optional)
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize(
    "said",
    [
        metadata(License_Expression="MIT"),
        metadata(License_Expression="GPL-3.0-only OR Apache-2.0"),
        metadata(License_Expression="MPL-2.0 AND (Apache-2.0 OR MIT)"),
        metadata(Classifier=MIT),
        metadata(License="Apache 2.0"),
    ],
)
def test_permissive_licences_are_allowed(said: Message) -> None:
    assert refused(said) == ""


@pytest.mark.parametrize(
    "said",
    [
        metadata(License_Expression="AGPL-3.0-only"),
        metadata(License_Expression="MIT AND GPL-3.0-only"),
        metadata(License_Expression="LicenseRef-Proprietary"),
        metadata(Classifier=GPL),
        metadata(License="Free for some uses"),
        metadata(),
    ],
)
def test_others_are_refused_for_everybody_and_in_extras(said: Message) -> None:
    assert refused(said)
    assert refused(said, optional=True)


def test_the_lgpl_is_for_extras_only() -> None:
    said = metadata(License_Expression="LGPL")
    assert refused(said)
    assert refused(said, optional=True) == ""


def test_terms_of_nvidia_are_borne_in_what_torch_brings_and_nowhere_else() -> None:
    said = metadata(License_Expression="LicenseRef-NVIDIA-Proprietary")
    assert refused(said, name="nvidia-cudnn-cu13", optional=True) == ""
    assert refused(said, name="nvidia-cudnn-cu13")
    assert refused(said, name="tensorrt", optional=True)


def test_what_extras_bring_is_looked_at_too() -> None:
    core, every = (check()["closure"](("metier",), extras) for extras in ((), ("all",)))
    assert {"anyio", "numpy", "certifi"} <= core < every
    assert "starlette" in every - core
