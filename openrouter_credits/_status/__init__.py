"""One look at a key: what it can still spend, what limits it, and how urgent that is."""
