"""A tensor as vectors: the whole of it, its rows, or its columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from metier.merging.cores import Sums, Total
from metier.merging.encoding import Floats
from metier.merging.weights import Span

Cut = Literal["whole", "rows", "columns"]


class Vectors:
    """A tensor of `count` numbers, cut into vectors; one with a single row is not cut."""

    def __init__(self, cut: Cut, *, count: int, width: int) -> None:
        self._cut: Cut = "whole" if count == width else cut
        self._width = width
        self.count = {"whole": 1, "rows": count // width, "columns": width}[self._cut]

    def sums(self, total: Total, products: Callable[[Span], Sequence[Floats]]) -> Sums:
        """Sum each of the products within each vector, shape (products, vectors)."""

        def of_span(span: Span) -> Sums:
            return np.stack([self._added(each, span) for each in products(span)])

        return total(of_span)

    def spread(self, values: Sums, span: Span) -> Floats:
        """Give each number of a span the value of its vector."""
        return values.astype(np.float32)[self._index(span)]

    def _added(self, product: Floats, span: Span) -> Sums:
        if self._cut == "whole":
            return product.sum(dtype=np.float64, keepdims=True)
        return np.bincount(self._index(span), weights=product, minlength=self.count)

    def _index(self, span: Span) -> npt.NDArray[np.int64]:
        place = np.arange(span.start, span.stop)
        match self._cut:
            case "whole":
                return np.zeros(1, np.int64)
            case "rows":
                return place // self._width
            case "columns":
                return place % self._width
