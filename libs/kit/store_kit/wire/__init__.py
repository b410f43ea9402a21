"""The bytes of HTTP/1.1: uvicorn's protocol within bounds, connections, and who is admitted (docs/adr/0022, 0023)."""
