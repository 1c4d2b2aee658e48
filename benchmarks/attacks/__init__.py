"""Texts that give orders to a model that only has to read them, and what became of them."""
