"""What every route of this service reaches through the application's state."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from fastapi import Request
from store_kit import addresses
from store_kit.addresses import ForwardedBy, Network
from store_kit.admission import step_aside
from store_kit.cursors import Cursors

from store_user.use_cases import UseCases


@dataclass(frozen=True, slots=True)
class Edge:
    """Things of the HTTP edge that no use case knows."""

    cursors: Cursors
    jwks: Mapping[str, Any]
    trusted_proxies: Sequence[Network]
    forwarded_by: ForwardedBy = "x-forwarded-for"


def use_cases(request: Request) -> UseCases:
    """Return what this service can do."""
    return cast("UseCases", request.app.state.use_cases)


def edge(request: Request) -> Edge:
    """Return the things of the HTTP edge."""
    return cast("Edge", request.app.state.edge)


def aside(request: Request) -> Callable[[], None]:
    """Return what to call before the throttle lets a request wait: it bounds them, and they take nobody's place."""
    return functools.partial(step_aside, request.scope)


def client_address(request: Request) -> str:
    """Return where a request came from, as far as trusted proxies vouch for it."""
    found = edge(request)
    return addresses.client_address(request, found.trusted_proxies, found.forwarded_by)
