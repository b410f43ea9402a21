"""The technical kit under every service of Product Store; it knows no business noun."""
