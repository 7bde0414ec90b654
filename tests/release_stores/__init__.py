"""Stores of earlier releases, and the test that opens them."""
