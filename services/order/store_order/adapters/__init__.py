"""Adapters of the order service's ports."""
