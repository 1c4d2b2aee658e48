"""The code expert: runnable code in a fenced block."""

from metier_code.expert import Code

__all__ = ["Code"]
