"""The commands of ``python -m app``: each module is a few commands; nothing heavy is imported before one runs."""
