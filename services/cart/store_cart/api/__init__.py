"""HTTP of the cart service: parse, call one use case, respond."""
