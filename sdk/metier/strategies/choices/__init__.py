"""Closed questions: how probable a model finds each choice, from one token."""
