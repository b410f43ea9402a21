"""Assembling a service and running it: sockets, signals, an orderly end."""
