"""A shop as the commands see it: over its public HTTP API."""
