"""How the gateway meets the outside: TLS when it has a certificate, and proxies in front when it is told of them."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.gateway.certificates import self_sign
from tests.gateway.echo import Echo
from tests.gateway.nginx import Gateway
from tests.support.shop import SERVICES

pytestmark = [pytest.mark.anyio, pytest.mark.gateway]

PUBLIC = "https://shop.example:8443"
HSTS = "Strict-Transport-Security"


@dataclass
class Secure:
    """A gateway with a certificate."""

    gateway: Gateway
    certificate: Path

    def url(self, path: str) -> str:
        """Return where a public path is served by TLS."""
        return f"https://127.0.0.1:{self.gateway.tls_port}{path}"

    @property
    def trust(self) -> ssl.SSLContext:
        """Return what trusts this certificate and no other."""
        return ssl.create_default_context(cafile=str(self.certificate))

    async def curl(self, *options: str) -> tuple[int, str]:
        """Return curl's exit code and what it printed."""
        process = await asyncio.create_subprocess_exec(
            "curl", "-sS", "--cacert", str(self.certificate), *options, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        return await process.wait(), output.decode()


@pytest.fixture
async def secure(tmp_path: Path, pages: Path, echo: Echo) -> AsyncIterator[Secure]:
    """Run nginx with a self-signed certificate."""
    certificate = self_sign(tmp_path / "secure" / "tls", "shop.example")
    services = {name: [echo.port] for name in SERVICES}
    edge = {"GATEWAY_PUBLIC_URL": PUBLIC}
    async with Gateway(tmp_path / "secure", services, pages, edge=edge) as gateway:
        yield Secure(gateway, certificate)


def behind(folder: Path, pages: Path, echo: Echo, proxies: str, **more: str) -> Gateway:
    """Return a gateway that believes these proxies."""
    services = {name: [echo.port] for name in SERVICES}
    return Gateway(folder, services, pages, edge={"GATEWAY_TRUSTED_PROXIES": proxies, **more})


async def test_with_a_certificate_people_are_served_by_tls(
    session: aiohttp.ClientSession, secure: Secure, echo: Echo
) -> None:
    """Services hear that it was https; pages, answers and refusals alike tell browsers to stay with it (RFC 6797)."""
    for path in ("/api/orders", "/docs/", "/nowhere"):
        async with session.get(secure.url(path), ssl=secure.trust) as answer:
            assert answer.headers.getall(HSTS) == ["max-age=31536000"], path
    assert [request.headers["X-Forwarded-Proto"] for request in echo.asked] == ["https"]


async def test_without_a_certificate_nothing_speaks_of_tls(
    session: aiohttp.ClientSession, front: Gateway
) -> None:
    """Plain HTTP as before: served, not sent elsewhere, no Strict-Transport-Security."""
    for path in ("/api/orders", "/docs/"):
        async with session.get(front.url(path), allow_redirects=False) as answer:
            assert (answer.status, HSTS in answer.headers) == (200, False)
    with pytest.raises(OSError, match="Connect"):
        await asyncio.open_connection("127.0.0.1", front.tls_port)


async def test_http_2_is_spoken_over_tls(secure: Secure, echo: Echo) -> None:
    """A client that offers HTTP/2 gets it, and its body arrives."""
    code, version = await secure.curl(
        "--http2", "-o", "/dev/null", "-w", "%{http_version}", "-d", "{}", secure.url("/api/orders")
    )
    assert (code, version) == (0, "2")
    assert await echo.asked[0].read() == b"{}"


@pytest.mark.parametrize(("newest", "code"), [("1.1", 35), ("1.2", 0), ("1.3", 0)])
async def test_old_versions_of_tls_are_refused(secure: Secure, newest: str, code: int) -> None:
    """TLS 1.2 and 1.3 are spoken, nothing older (RFC 8996), whatever the client can do."""
    weak = ("--tlsv1.0", "--tls-max", newest, "--ciphers", "DEFAULT@SECLEVEL=0")
    assert (await secure.curl(*weak, "-o", "/dev/null", secure.url("/api/orders")))[0] == code


@pytest.mark.parametrize("host", ["shop.example", "evil.example", "a@127.0.0.1"])
async def test_readers_of_plain_http_are_sent_to_the_shops_own_address(
    session: aiohttp.ClientSession, secure: Secure, echo: Echo, host: str
) -> None:
    """Path and query stay; the address is the configured one, whatever the request calls its host."""
    for path in ("/api/products?search=a%20b", "/docs/", "//evil.example/"):
        url = f"{secure.gateway.base_url}{path}"
        async with session.get(url, headers={"Host": host}, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (308, PUBLIC + path)
            assert HSTS not in answer.headers
    assert echo.asked == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_what_changes_something_is_not_sent_on_from_plain_http(
    session: aiohttp.ClientSession, secure: Secure, echo: Echo, method: str
) -> None:
    """A password that came in clear is not asked for in clear again: 405 as a problem, and no service hears of it."""
    url = secure.gateway.url("/api/auth/token")
    async with session.request(method, url, data={"password": "x"}, allow_redirects=False) as answer:
        problem = await answer.json(content_type="application/problem+json")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
        assert problem["type"] == "/docs/problems/#method-not-allowed"
        assert PUBLIC in problem["detail"]
    assert echo.asked == []


async def test_containers_beside_it_need_no_certificate(
    session: aiohttp.ClientSession, secure: Secure, front: Gateway
) -> None:
    """The inner port serves plain HTTP, with a certificate and without."""
    for gateway in (secure.gateway, front):
        async with session.post(f"http://127.0.0.1:{gateway.inner_port}/api/orders") as answer:
            assert (answer.status, HSTS in answer.headers) == (200, False)


async def test_a_proxy_in_front_tells_who_the_client_is(
    tmp_path: Path, pages: Path, session: aiohttp.ClientSession, echo: Echo
) -> None:
    """The last address that is no trusted proxy counts, over one line or several; what a client put before does not."""
    async with behind(tmp_path / "g", pages, echo, "127.0.0.0/8 10.0.0.0/8 2001:db8::/32") as gateway:
        for lines in (["6.6.6.6, 203.0.113.9, 10.1.1.1"], ["6.6.6.6", "203.0.113.9"], ["203.0.113.9"]):
            headers = [("X-Forwarded-For", line) for line in lines]
            async with session.get(gateway.url("/api/orders"), headers=headers):
                assert echo.asked[-1].headers.getall("X-Forwarded-For") == ["203.0.113.9"], lines


async def test_behind_a_proxy_each_client_has_a_limit_of_its_own(
    tmp_path: Path, pages: Path, session: aiohttp.ClientSession, echo: Echo
) -> None:
    """One client's 429 is not another's."""
    services = {name: [echo.port] for name in SERVICES}
    edge = {"GATEWAY_TRUSTED_PROXIES": "127.0.0.1"}
    async with Gateway(tmp_path / "g", services, pages, rate=1, burst=1, edge=edge) as gateway:

        async def ask(client: str) -> int:
            headers = {"X-Forwarded-For": client}
            async with session.get(gateway.url("/api/orders"), headers=headers) as answer:
                return answer.status

        assert 429 in [await ask("203.0.113.9") for _ in range(6)]
        assert await ask("203.0.113.10") == 200


@pytest.mark.parametrize("proxies", ["", "10.0.0.0/8"])
async def test_nobody_else_is_believed(
    tmp_path: Path, pages: Path, session: aiohttp.ClientSession, echo: Echo, proxies: str
) -> None:
    """A forged address does nothing by default, nor when it comes from another than the trusted proxies."""
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Real-Ip": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    async with (
        behind(tmp_path / "g", pages, echo, proxies) as gateway,
        session.get(gateway.url("/api/orders"), headers=forged),
    ):
        assert echo.asked[-1].headers["X-Forwarded-For"] == "127.0.0.1"
    assert (await gateway.access_log(1))[-1]["client"] == "127.0.0.1"


async def test_a_proxy_may_use_another_header(
    tmp_path: Path, pages: Path, session: aiohttp.ClientSession, echo: Echo
) -> None:
    """GATEWAY_REAL_IP_HEADER names it; then X-Forwarded-For is a client's own word."""
    named = behind(tmp_path / "g", pages, echo, "127.0.0.1", GATEWAY_REAL_IP_HEADER="CF-Connecting-IP")
    sent = {"CF-Connecting-IP": "203.0.113.9", "X-Forwarded-For": "6.6.6.6"}
    async with named as gateway, session.get(gateway.url("/api/orders"), headers=sent):
        assert echo.asked[-1].headers["X-Forwarded-For"] == "203.0.113.9"


@pytest.mark.parametrize(
    ("edge", "files", "said"),
    [
        ({"GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8; deny"}, (), "10.0.0.0/8; is not a network"),
        ({"GATEWAY_TRUSTED_PROXIES": "proxy"}, (), "proxy is not a network"),
        ({"GATEWAY_REAL_IP_HEADER": "A; deny all"}, (), "is not the name of a header"),
        ({"GATEWAY_PUBLIC_URL": PUBLIC}, ("tls.crt",), "tls.key is missing"),
        ({"GATEWAY_PUBLIC_URL": PUBLIC}, ("tls.key",), "tls.crt is missing"),
        ({"GATEWAY_PUBLIC_URL": "http://shop.example"}, ("tls.crt", "tls.key"), "must be the shop's address"),
        ({"GATEWAY_PUBLIC_URL": "https://a;b"}, ("tls.crt", "tls.key"), "must be the shop's address"),
        ({"GATEWAY_PUBLIC_URL": "https://a\nb"}, ("tls.crt", "tls.key"), "must be the shop's address"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_the_start(
    tmp_path: Path, edge: dict[str, str], files: tuple[str, ...], said: str
) -> None:
    """A variable that is none, or half a certificate, ends the start with a sentence."""
    (tmp_path / "tls").mkdir()
    for file in files:
        (tmp_path / "tls" / file).touch()
    done = Gateway(tmp_path, {}, tmp_path, edge=edge).edge()
    assert done.returncode == 1
    assert said in done.stderr


def test_names_of_services_may_have_a_suffix(tmp_path: Path) -> None:
    """Where names need a domain, one variable gives it to all of them; else they are as in compose."""
    for suffix in ("", ".shop.svc.cluster.local"):
        upstreams = Gateway(tmp_path, {}, tmp_path, suffix=suffix).upstreams()
        ports = {"catalog": 8000, "cart": 8001, "order": 8002, "user": 8003}
        for name, port in ports.items():
            assert f"server {name}{suffix}:{port} resolve " in upstreams
