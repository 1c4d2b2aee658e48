"""The facade, and its twin for code that is not async."""

from metier.council.council import Council
from metier.council.inquiry import How, Question

__all__ = ["Council", "How", "Question"]
