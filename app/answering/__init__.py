"""From a question to a checked answer with citations: one generator of typed events. No web, no disk."""
