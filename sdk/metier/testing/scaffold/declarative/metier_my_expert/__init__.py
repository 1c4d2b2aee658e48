"""The expert my_expert is its card, domain.toml; there is no code."""
