"""Accounts, sessions and news in SQLite."""
