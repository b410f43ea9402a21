"""`store doctor`: what keeps a shop from running on this machine."""
