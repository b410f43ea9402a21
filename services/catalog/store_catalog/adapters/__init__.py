"""The catalogue's ports, by technology."""
