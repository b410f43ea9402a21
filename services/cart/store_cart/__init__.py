"""Shopping carts and recently viewed products, port 8001."""
