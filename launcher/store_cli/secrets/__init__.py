"""`store secrets`: the secrets of services that run apart."""
