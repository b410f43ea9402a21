"""The commands of `store`, one module each; every module has a `register(app)`."""
