"""What an expert is, and which experts are there."""
