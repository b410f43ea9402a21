"""Backups of a shop: everything it knows, as of one moment, in a folder that can be checked and restored."""
