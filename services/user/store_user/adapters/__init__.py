"""What the ports look like in this world: SQLite, argon2, JWT, HTTP."""
