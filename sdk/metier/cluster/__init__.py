"""Nodes of a Ray cluster: what runs beside the Ollama of each."""
