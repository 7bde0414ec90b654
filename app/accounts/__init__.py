"""Users, groups, API keys, and reading the audit trail."""
