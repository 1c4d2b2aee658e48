"""The model server: the seam, and Ollama behind it."""
