"""Adapters: the cart service's ports on SQLite and HTTP."""
