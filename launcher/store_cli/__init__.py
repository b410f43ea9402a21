"""The store command: the whole shop in one process, and its tools."""
