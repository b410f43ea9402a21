"""The load test: shoppers, an administrator and a herd, played by Locust. It knows the shop by its HTTP API only."""
