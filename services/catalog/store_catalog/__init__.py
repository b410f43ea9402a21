"""Products, categories and stock: the Backend Service, port 8000."""
