"""Kept runs: every question, recorded as it happens, to search, replay, rate and learn from."""
