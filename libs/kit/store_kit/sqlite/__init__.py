"""SQLite: one writer with group commit, reads in the event loop, errors, identity."""
