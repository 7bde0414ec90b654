"""Tests that need a real vLLM."""
