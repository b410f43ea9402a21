"""Whose attempts are counted together."""

import ipaddress
from typing import cast

import pytest
from fastapi import FastAPI, Request
from store_kit.http.cursors import Cursors
from store_user.api.parameters import Api, caller
from store_user.use_cases import UseCases

PROXIES = ("10.0.0.0/8", "fd00::/8")


def address(peer: str, forwarded: str | None = None) -> str:
    """Return the address of a request from `peer` that carries this X-Forwarded-For."""
    app = FastAPI()
    proxies = [ipaddress.ip_network(proxy) for proxy in PROXIES]
    app.state.api = Api(cast("UseCases", None), Cursors("key"), jwks={}, trusted_proxies=proxies)
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    return caller(Request({"type": "http", "app": app, "client": (peer, 1), "headers": headers})).address


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("fd00::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", None, "2001:db8:1:2::/64"),
        ("a socket", None, "None"),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str, forwarded: str | None, found: str) -> None:
    """The last address that no trusted proxy vouches for; neighbours in an IPv6 /64 are one."""
    assert address(peer, forwarded) == found
