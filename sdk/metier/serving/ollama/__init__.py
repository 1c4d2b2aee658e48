"""The protocol of Ollama, under `/api`."""
