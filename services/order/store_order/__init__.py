"""Orders, payments, the saga and the delivery clock, port 8002."""
