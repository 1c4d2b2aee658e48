"""Where a question can be cut, and where it must not be."""
