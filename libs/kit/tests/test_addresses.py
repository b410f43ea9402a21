"""One client has one address, however it is written."""

from ipaddress import ip_network

import pytest
from starlette.requests import Request
from store_kit.http.addresses import client_address, parse_address
from store_kit.settings import ForwardedBy

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8:ffff::/48")]


def seen(peer: str, *lines: str, header: ForwardedBy = "x-forwarded-for") -> str:
    fields = [(header.encode(), line.encode()) for line in lines]
    return client_address(Request({"type": "http", "client": (peer, 1), "headers": fields}), PROXIES, header)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("198.51.100.10", "198.51.100.10"),
        (" 198.51.100.10:4711 ", "198.51.100.10"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("::ffff:198.51.100.10", "198.51.100.10"),
        ("[::ffff:198.51.100.10]:80", "198.51.100.10"),
        ("198.51.100.10:_hidden", "198.51.100.10"),
    ],
)
def test_spellings_of_an_address(written: str, address: str) -> None:
    """Ports and brackets come off; IPv4 in IPv6 is IPv4 (RFC 4291, 2.5.5.2; RFC 7239, 6)."""
    assert str(parse_address(written)) == address


@pytest.mark.parametrize(
    "written", ["", "unknown", "_hidden", "300.1.1.1", "[::1", "1.2.3.4:5:6", "example.com"]
)
def test_what_is_no_address(written: str) -> None:
    """Nobody is found behind it."""
    assert parse_address(written) is None


def test_several_lines_are_one_list() -> None:
    """A proxy that adds a line of its own is the last one that spoke, not the client's forged first line."""
    assert seen("10.0.0.1", "10.9.8.7", "198.51.100.9") == "198.51.100.9"
    assert seen("10.0.0.1", "203.0.113.5, 198.51.100.9", "10.0.0.2") == "198.51.100.9"


def test_a_proxy_on_an_ipv6_socket_is_the_same_proxy() -> None:
    """`::ffff:10.0.0.9` is in 10.0.0.0/8, and two IPv4 clients are two clients."""
    assert seen("::ffff:10.0.0.9", "198.51.100.9") == "198.51.100.9"
    assert seen("::ffff:198.51.100.9") == "198.51.100.9" != seen("::ffff:198.51.100.10")


def test_clients_behind_a_proxy_that_writes_ports() -> None:
    """Azure's gateway writes `ip:port`: two clients stay two."""
    assert seen("10.0.0.1", "198.51.100.10:4711") == "198.51.100.10"
    assert seen("10.0.0.1", "[2001:db8:1:2:3::4]:4711") == "2001:db8:1:2::/64"


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        (["for=198.51.100.9"], "198.51.100.9"),
        (['For="[2001:db8:1:2::9]:4711";proto=https'], "2001:db8:1:2::/64"),
        (["for=10.9.8.7", "proto=https; for=198.51.100.9;by=10.0.0.1"], "198.51.100.9"),
        (['for="198.51.100.9, 203.0.113.1"'], "10.0.0.1"),
        (["for=unknown"], "10.0.0.1"),
        (["proto=https"], "10.0.0.1"),
    ],
)
def test_forwarded(lines: list[str], address: str) -> None:
    """RFC 7239: parameters in any order and case, quoted where there are colons; `unknown` names nobody."""
    assert seen("10.0.0.1", *lines, header="forwarded") == address


def test_nobody_else_is_believed() -> None:
    """A stranger's own word, and a header that the proxies do not write, change nothing."""
    assert seen("203.0.113.5", "198.51.100.9") == "203.0.113.5"
    request = Request(
        {"type": "http", "client": ("10.0.0.1", 1), "headers": [(b"forwarded", b"for=198.51.100.9")]}
    )
    assert client_address(request, PROXIES) == "10.0.0.1"
