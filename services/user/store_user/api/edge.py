"""What every route of this service reaches through the application's state."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from fastapi import Request
from store_kit.cursors import Cursors

from store_user.use_cases import UseCases

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
    """Return where a request came from: the last address that no trusted proxy vouches for."""
    address = request.client.host if request.client else "unknown"
    trusted = edge(request).trusted_proxies
    forwarded = request.headers.get("x-forwarded-for", "").split(",")
    while _is_in(address, trusted) and forwarded and forwarded[-1].strip():
        address = forwarded.pop().strip()
    return address


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
