"""The medical expert: general information with safety rules."""

from metier_medical.expert import Medical

__all__ = ["Medical"]
