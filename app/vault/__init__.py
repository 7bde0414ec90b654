"""Bytes and keys: the keyring, derived keys, sealed files, opaque ids. Knows no database, web or model."""
