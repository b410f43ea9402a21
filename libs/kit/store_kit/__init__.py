"""The platform of this shop: what its four services are built on. README.md beside it lists the modules."""
