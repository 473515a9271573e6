"""Measures the engine: ``python -m benchmarks NAME``, ``make bench`` for all."""
