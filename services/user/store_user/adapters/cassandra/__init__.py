"""Accounts, sessions and news in Cassandra."""
