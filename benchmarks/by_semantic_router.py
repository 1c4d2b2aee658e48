"""semantic-router's own picks, on given vectors; run by the interpreter of another environment.

    PYTHON benchmarks/by_semantic_router.py INPUT.npz

INPUT holds `examples` (rows x dimension), `owners` (the route of each), `queries`, and `lists`
(the routes that each query may be given, -1 where there are fewer). Prints a JSON object: `all`,
the route of each query among all of them; `listed`, among its list; the package's version.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import Any

import numpy as np


def main(path: str) -> None:
    from semantic_router import Route
    from semantic_router.encoders import DenseEncoder
    from semantic_router.routers import IndexedRouter

    given = np.load(path)
    texts = {f"e{n}": vector for n, vector in enumerate(given["examples"].tolist())}
    texts |= {f"q{n}": vector for n, vector in enumerate(given["queries"].tolist())}

    class Kept(DenseEncoder):
        """Gives the vectors that were given."""

        name: str = "kept"

        def __call__(self, docs: list[Any]) -> list[list[float]]:
            return [texts[doc] for doc in docs]

    owners = given["owners"]
    routes = {
        int(owner): Route(
            name=str(owner), utterances=[f"e{n}" for n in np.flatnonzero(owners == owner)]
        )
        for owner in np.unique(owners)
    }

    def picked(among: list[Route], query: int) -> int:
        choice = IndexedRouter(encoder=Kept(), routes=among)(f"q{query}")
        return int(choice.name) if choice.name else -1

    whole = IndexedRouter(encoder=Kept(), routes=list(routes.values()))
    everywhere = [whole(f"q{n}").name for n in range(len(given["queries"]))]
    listed = [
        picked([routes[m] for m in allowed if m in routes], n)
        for n, allowed in enumerate(given["lists"].tolist())
    ]
    print(
        json.dumps(
            {
                "all": [int(name) if name else -1 for name in everywhere],
                "listed": listed,
                "version": version("semantic-router"),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
