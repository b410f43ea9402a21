"""Where a server listens and where it is called: two addresses that are the same only by chance.

Who listens on a wildcard is called at loopback; an IPv6 literal in a URL stands in brackets (RFC 3986 section 3.2.2),
its zone behind %25 (RFC 6874).
"""

from typing import Final

_WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "0:0:0:0:0:0:0:0": "::1"}  # noqa: S104 - read, not bound


def callable_host(host: str) -> str:
    """Return the address to connect to for a server that listens on `host`."""
    return _WILDCARDS.get(host, host)


def http_url(host: str, port: int) -> str:
    """Return the URL of a server that listens on `host` and `port`."""
    called = callable_host(host)
    if ":" in called:
        called = f"[{called.replace('%', '%25')}]"
    return f"http://{called}:{port}"
