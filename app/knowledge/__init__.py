"""Documents, chunks, permissions, and the two indexes that follow the catalogue; search runs here."""
