"""Faults on purpose: python -m tests.faults NAME. What is broken or hostile goes in; what must hold is counted."""
