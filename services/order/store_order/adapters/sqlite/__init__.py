"""The stores on SQLite files."""
