"""Where a question can and cannot be cut."""
