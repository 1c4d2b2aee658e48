"""A user's documents: chunks, search, quotes."""
