#!/usr/bin/env python3
"""Check that every package which metier brings along has a licence that its users can live with.

What is installed says under which licence it is; nothing is fetched. Licences are permissive, or
the MPL, which asks nothing of programs that merely import a package. What an extra brings may also
be under the LGPL. Anything else needs its reason here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from email.message import Message
from importlib.metadata import PackageNotFoundError, distribution
from typing import cast

from packaging.requirements import Requirement

ROOTS = ("metier", "metier-math", "metier-code", "metier-medical")
EXTRAS = ("all",)
ALLOWED = frozenset(
    "0BSD Apache-2.0 BSD BSD-2-Clause BSD-3-Clause BSL-1.0 CC0-1.0 CNRI-Python ISC LLVM-exception "
    "MIT MIT-0 MPL-2.0 PSF-2.0 Zlib".split()
)
IN_EXTRAS = ALLOWED | {"LGPL"}
# How packages without an expression say the same.
NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MITNFA": "MIT",  # MIT, less the right to advertise with the authors' names
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# Packages that torch brings on Linux for NVIDIA's cards, under NVIDIA's own terms: who installs the
# extra sentence-transformers gets them from PyPI; metier neither ships nor imports them.
OF_TORCH = re.compile(r"nvidia-[\w-]+|cuda-toolkit")


def main() -> None:
    """List what is not allowed; exit with 1 if anything is."""
    core = closure(ROOTS, ())
    every = closure(ROOTS, EXTRAS)
    problems = [
        f"{name}: {shown}, which {'an extra' if name not in core else 'everybody'} would get"
        for name in sorted(every)
        if (shown := refused(name, distribution(name).metadata, optional=name not in core))
    ]
    if problems:
        sys.exit("licences:\n" + "\n".join(problems))


def closure(roots: tuple[str, ...], extras: tuple[str, ...]) -> set[str]:
    """The distributions that these bring on this machine, themselves included, if installed."""
    found: dict[tuple[str, tuple[str, ...]], None] = {}
    waiting = [(normal(root), extras) for root in roots]
    while waiting:
        if (each := waiting.pop()) in found:
            continue
        try:
            waiting += _needs(*each)
        except PackageNotFoundError:  # for another system, or another Python
            continue
        found[each] = None
    return {name for name, _ in found}


def _needs(name: str, extras: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in distribution(name).requires or ():
        need = Requirement(line)
        wanted = [{"extra": extra} for extra in (*extras, "")]
        if need.marker is None or any(map(need.marker.evaluate, wanted)):
            yield normal(need.name), tuple(sorted(need.extras))


def refused(name: str, metadata: object, *, optional: bool) -> str:
    """The licence of a package, if it is not allowed; else nothing."""
    if optional and OF_TORCH.fullmatch(name):
        return ""
    licence = licence_of(cast("Message", metadata))
    allowed = IN_EXTRAS if optional else ALLOWED
    return "" if _permits(licence, allowed) else licence or "no licence"


def licence_of(metadata: Message) -> str:
    """The expression that a package gives, or what its older fields say."""
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classified = [
        str(line).rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or ()
        if str(line).startswith("License :: ")
    ]
    said = classified or [str(metadata.get("License") or "").strip().partition("\n")[0]]
    return " OR ".join(NAMES.get(each, each) for each in said)


def _permits(expression: str, allowed: frozenset[str]) -> bool:
    """Whether any of several licences to choose from is allowed, or all that hold together."""
    names = re.split(r" (?:AND|OR|WITH) ", expression.replace("(", "").replace(")", ""))
    known = [name in allowed for name in names]
    together = " AND " in expression or " WITH " in expression
    return all(known) if together else any(known)


def normal(name: str) -> str:
    """A name as PyPI compares them."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
