"""How the catalogue's ports are kept: SQLite, metrics, HTTP."""
