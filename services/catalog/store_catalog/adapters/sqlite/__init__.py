"""The catalogue's stores in a SQLite file."""
