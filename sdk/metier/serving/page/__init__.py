"""The page at `/`, and the endpoints under `/metier` that it uses."""
