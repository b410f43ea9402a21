"""The passwords that are tried first: a list that comes with the service; its head names source and licence."""

import functools
from importlib.resources import files


@functools.cache
def common_passwords() -> frozenset[str]:
    """Return some 11 600 common passwords of eight or more characters, in lower case."""
    lines = (files("store_user.adapters") / "common_passwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("# "))
