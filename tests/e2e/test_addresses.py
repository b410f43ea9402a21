"""`store up --host`: an address to listen on is not the address at which others are called."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from store_kit.running.listening import http_url

from tests.support.people import administrator, customer
from tests.support.shop import SERVICES, EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


class ShopAt(EmbeddedShop):
    """A shop that listens elsewhere."""

    def __init__(self, data_dir: Path, host: str) -> None:
        super().__init__(data_dir, {"STORE_HOST": host})
        self.host = host

    @property
    def base_url(self) -> str:
        """Return the address of the gateway."""
        return http_url(self.host, self.ports["gateway"])


def own_address() -> str:
    """Return an address of this machine on its network; loopback where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: the kernel only chooses the way
        except OSError:
            return "127.0.0.3"
        return str(probe.getsockname()[0])


def has_ipv6() -> bool:
    """Tell whether this machine has IPv6 at all."""
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
        return True


HOSTS = ["127.0.0.2", own_address(), "0.0.0.0", "localhost", *(["::1", "::"] if has_ipv6() else [])]  # noqa: S104


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open connections for one test."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as opened:
        yield opened


@pytest.mark.parametrize("host", HOSTS)
async def test_shop_works_on_any_address(tmp_path: Path, session: aiohttp.ClientSession, host: str) -> None:
    """Healthy, sells, names URLs that can be called, and no service is open to the network."""
    async with ShopAt(tmp_path, host) as shop:
        ann = await customer(session, shop.url)
        admin = await administrator(session, shop.url, shop.data_dir)
        await ann.add(await admin.create_product(stock=1))
        assert (await ann.order()).status == 201
        said = shop.process.output()
        assert f"{shop.base_url}/swagger/" in said
        kept = json.loads((shop.data_dir / "secrets" / "demo_admin.json").read_text())
        assert kept["base_url"] == shop.base_url
        assert f"GET {shop.base_url}" not in said
        for name in SERVICES:
            assert shop.service_url(name) in said
            with socket.socket() as probe:
                assert probe.connect_ex((own_address(), shop.ports[name])) != 0
        doctor = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "store_cli", "doctor", "--json", "--host", host),
            *("--port", str(shop.ports["gateway"]), "--data", str(shop.data_dir)),
            env={**os.environ, **shop.env},
            stdout=asyncio.subprocess.PIPE,
        )
        checks = json.loads((await doctor.communicate())[0])["checks"]
        ports = {check["seen"] for check in checks if check["name"].startswith("Port")}
        assert ports == {"this shop answers"}
        assert shop.process.stop() == 0
