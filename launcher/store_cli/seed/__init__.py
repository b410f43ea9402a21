"""`store seed`: as many plausible products as wanted, always the same."""
