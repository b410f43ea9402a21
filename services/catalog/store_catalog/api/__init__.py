"""HTTP of the catalogue: one module per resource; parse, call one use case, answer."""
