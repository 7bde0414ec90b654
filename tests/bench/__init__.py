"""Benchmarks: python -m tests.bench NAME --json. Figures of one run on one machine; never timed tests."""
