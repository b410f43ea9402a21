"""`make bench`: what the shop costs, as ratios to a bare ASGI application measured in the same run."""
