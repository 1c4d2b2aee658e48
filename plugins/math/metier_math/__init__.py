"""The math expert: a small model writes the calculation, the program computes it."""

from metier_math.expert import Math

__all__ = ["Math"]
