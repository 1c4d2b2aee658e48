"""The same merges by mergekit and by metier, on small random models."""
