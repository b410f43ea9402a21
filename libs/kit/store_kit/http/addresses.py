"""Where a request came from: the one spelling of a client's network address."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request

from store_kit.http.header_fields import list_members
from store_kit.settings import ForwardedBy, Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_IPV6_CUSTOMER: Final = 64
_WITH_PORT: Final = re.compile(r"(\d+\.\d+\.\d+\.\d+):[\w.-]+|\[([^\]]+)\](?::[\w.-]+)?")
"""`192.0.2.1:4711`, `[2001:db8::1]:4711` and `[2001:db8::1]` (RFC 7239, 6)."""
_FOR: Final = re.compile(r'(?:^|;)\s*for="?([^";,\s]+)"?\s*(?=;|$)', re.IGNORECASE)


def client_address(
    request: Request, trusted: Sequence[Network], written_in: ForwardedBy = "x-forwarded-for"
) -> str:
    """Return where a request came from: the last address that no trusted proxy vouches for.

    An IPv6 address stands for its /64: that is what one customer gets, and could hop around in.
    """
    address = parse_address(request.client.host if request.client else "")
    before = _forwarded(request.headers.getlist(written_in), written_in) if trusted else []
    while address and before and any(address in proxy for proxy in trusted):
        earlier = parse_address(before.pop())
        if earlier is None:
            break
        address = earlier
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address), _IPV6_CUSTOMER), strict=False))
    return str(address)


def parse_address(text: str) -> Address | None:
    """Return an address as proxies write it, with or without a port; None when it is none.

    IPv4 as IPv6 sockets show it (`::ffff:192.0.2.1`, RFC 4291, 2.5.5.2) is IPv4.
    """
    text = text.strip()
    ported = _WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address(ported[1] or ported[2] if ported else text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _forwarded(lines: Sequence[str], written_in: ForwardedBy) -> list[str]:
    """Return who was spoken for, the nearest last: all lines of the header are one list (RFC 9110, 5.3)."""
    members = list_members(",".join(lines))
    if written_in == "x-forwarded-for":
        return members
    return [found[1] if (found := _FOR.search(member)) else "unknown" for member in members]
