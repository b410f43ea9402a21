"""`store backup` and `store restore`: everything a shop knows, into a folder and back."""
