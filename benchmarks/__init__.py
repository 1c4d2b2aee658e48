"""Benchmarks, one module a comparison; `python -m benchmarks.NAME`."""
