"""`store init`: what a shop of containers needs before its services start."""
