"""Carts and views in one SQLite file."""
