"""Experts and councils in other frameworks, and theirs here; each with an extra of its own."""
