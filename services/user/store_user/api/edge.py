"""What every route of this service reaches through the application's state."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from fastapi import Request
from store_kit.cursors import Cursors

from store_user.use_cases import UseCases

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Edge:
    """Things of the HTTP edge that no use case knows."""

    cursors: Cursors
    jwks: Mapping[str, Any]
    trusted_proxies: Sequence[Network]


def use_cases(request: Request) -> UseCases:
    """Return what this service can do."""
    return cast("UseCases", request.app.state.use_cases)


def edge(request: Request) -> Edge:
    """Return the things of the HTTP edge."""
    return cast("Edge", request.app.state.edge)


def client_address(request: Request) -> str:
    """Return where a request came from: the last address that no trusted proxy vouches for.

    An IPv6 address stands for its /64: that is what one customer gets, and could hop around in.
    """
    address = _parsed(request.client.host if request.client else "")
    forwarded = request.headers.get("x-forwarded-for", "").split(",")
    while address and forwarded and any(address in proxy for proxy in edge(request).trusted_proxies):
        before = _parsed(forwarded.pop().strip())
        if before is None:
            break
        address = before
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _parsed(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
