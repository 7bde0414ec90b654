"""Embedding and chat: strings in; vectors, counts or text out. No store, no web.

Start at ``embedder.py``: what an embedder is, and how each process opens one.
"""
