"""Shops under measurement: started from any checkout, on free ports, with their data in a folder of their own."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from store_kit.testing import free_port

from bench.server import HERE, SERVER_CORE, Checkout, PinnedServer
from bench.shoppers import UNLIMITED, ask

SERVICES: Final = ("catalog", "cart", "order", "user")


@dataclass(frozen=True, slots=True)
class Running:
    """A shop that runs: its process, its gateway's port, its services' ports, its environment and its data."""

    server: PinnedServer
    port: int
    services: Mapping[str, int]
    env: dict[str, str]
    data: Path

    async def hold_token(self) -> str:
        """Return a token of the order service, which may hold stock."""
        secret = (self.data / "secrets" / "service_secret_order").read_text().strip()
        form = f"grant_type=client_credentials&client_id=order&client_secret={secret}".encode()
        head = f"POST /api/auth/token HTTP/1.1\r\nHost: shop\r\nContent-Length: {len(form)}\r\n"
        kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        return str((await ask(self.port, (head + kind).encode() + form))["access_token"])


@contextlib.contextmanager
def running(
    env: Mapping[str, str], folder: Path, *, checkout: Checkout = HERE, core: int | None = SERVER_CORE
) -> Iterator[Running]:
    """Run a shop, all four services in one process; a second start in the same folder goes on from there."""
    folder.mkdir(parents=True, exist_ok=True)
    services = {name: free_port() for name in SERVICES}
    urls = {f"STORE_{name.upper()}_URL": f"http://127.0.0.1:{port}" for name, port in services.items()}
    whole = UNLIMITED | urls | dict(env)
    port, data = free_port(), folder / "shop"
    up = ("store_cli", "up", "--no-catalogue", "--port", str(port), "--data", str(data))
    health = f"http://127.0.0.1:{port}/api/system/health"
    with PinnedServer(up, health, folder / "shop.log", whole, core=core, checkout=checkout) as server:
        yield Running(server, port, services, whole, data)
