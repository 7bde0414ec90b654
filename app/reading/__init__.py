"""Bytes -> blocks, always in a sandboxed process; ``pool`` is the way in. Importing this loads no parser."""
