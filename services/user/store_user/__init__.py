"""Accounts, tokens, roles and notifications, port 8003."""
