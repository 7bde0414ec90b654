"""The two SQLCipher databases of a store: opening, migrating, locking, and the one way to write."""
