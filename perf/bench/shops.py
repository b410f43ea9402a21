"""Shops under measurement: started from any checkout, on free ports, with their data in a folder of their own."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from store_cli.up.serving import write_pages

from perf.bench.load import Address
from perf.bench.nodes import WatchedNode
from perf.bench.server import HERE, SERVER_CORE, Checkout, PinnedServer, children_of, cpu_seconds_of
from perf.bench.shoppers import UNLIMITED, ask, register
from tests.gateway.nginx import Gateway
from tests.support.services import free_port

SERVICES: Final = ("catalog", "cart", "order", "user")


@dataclass(frozen=True, slots=True)
class Running:
    """A shop that runs; what is known of it is empty when it runs elsewhere.

    Args:
        servers: its processes: one, or one for each service.
        port: its gateway's.
        services: name -> port.
        env: its settings.
        data: its folder.
        node: the Cassandra node that it is on.
        gateway: process ids of a gateway that is none of its own processes.
    """

    servers: Sequence[PinnedServer]
    port: Address
    services: Mapping[str, int]
    env: dict[str, str]
    data: Path
    node: WatchedNode | None = None
    gateway: Sequence[int] = ()

    @property
    def server(self) -> PinnedServer:
        """The process of a shop that has one."""
        (server,) = self.servers
        return server

    @property
    def loops(self) -> Sequence[int]:
        """One port of each process."""
        return list(self.services.values())[: len(self.servers)]

    @property
    def seconds_to_ready(self) -> float:
        """How long the slowest of its processes took to start."""
        return max(server.seconds_to_ready for server in self.servers)

    def cpu_seconds(self) -> float:
        """Return the processor time that its own processes have used."""
        return sum(server.cpu_seconds() for server in self.servers)

    def cpu_by_user(self) -> dict[str, float]:
        """Return the processor time used so far by who used it: the loops' threads, those beside them, all else."""
        loops = sum(server.loop_seconds() for server in self.servers)
        used = {"loop": loops, "other threads": self.cpu_seconds() - loops}
        if self.gateway:
            used["gateway"] = sum(map(cpu_seconds_of, self.gateway))
        if self.node:
            used["JVM"] = cpu_seconds_of(self.node.pid)
        return used

    def pss_mb(self) -> float:
        """Return the memory of its own processes in MB (PSS)."""
        return sum(server.pss_mb() for server in self.servers)

    def own_mb(self) -> float:
        """Return their memory in MB without what is mapped of files."""
        return sum(server.own_mb() for server in self.servers)

    async def hold_token(self) -> str:
        """Return a token of the order service, which may hold stock."""
        secret = (self.data / "secrets" / "service_secret_order").read_text().strip()
        form = f"grant_type=client_credentials&client_id=order&client_secret={secret}".encode()
        head = f"POST /api/auth/token HTTP/1.1\r\nHost: shop\r\nContent-Length: {len(form)}\r\n"
        kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        return str((await ask(self.port, (head + kind).encode() + form))["access_token"])


@contextlib.contextmanager
def running(
    env: Mapping[str, str],
    folder: Path,
    *,
    checkout: Checkout = HERE,
    core: int | None = SERVER_CORE,
    node: WatchedNode | None = None,
) -> Iterator[Running]:
    """Run a shop, all four services in one process; a second start in the same folder goes on from there."""
    services, whole = _prepared(env, folder)
    port, data = free_port(), folder / "shop"
    up = ("store_cli", "up", "--no-catalogue", "--port", str(port), "--data", str(data))
    health = f"http://127.0.0.1:{port}/api/system/health"
    with PinnedServer(up, health, folder / "shop.log", whole, core=core, checkout=checkout) as server:
        yield Running([server], port, services, whole, data, node)


@contextlib.asynccontextmanager
async def running_four(
    env: Mapping[str, str], folder: Path, *, checkout: Checkout = HERE, node: WatchedNode | None = None
) -> AsyncIterator[Running]:
    """Run each service in a process of its own by `store run`, behind nginx with one worker, as containers do."""
    services, whole = _prepared(env, folder)
    data, pages = folder / "shop", folder / "pages"
    if not pages.exists():
        write_pages(pages)
    with contextlib.ExitStack() as stack:
        servers = [
            PinnedServer(
                ("store_cli", "run", name, "--data", str(data)),
                f"http://127.0.0.1:{port}/health/ready",
                folder / f"{name}.log",
                whole,
                core=None,
                checkout=checkout,
            )
            for name, port in services.items()
        ]
        # All at once: each is ready when those that it asks are.
        await asyncio.gather(*(asyncio.to_thread(stack.enter_context, server) for server in servers))
        ports = {name: [port] for name, port in services.items()}
        async with Gateway(folder / "gateway", ports, pages, workers="1") as gateway:
            run = Running(
                servers, gateway.port, services, whole, data, node, gateway=children_of(gateway.pid)
            )
            await _promote(run, checkout)
            yield run


def _prepared(env: Mapping[str, str], folder: Path) -> tuple[dict[str, int], dict[str, str]]:
    folder.mkdir(parents=True, exist_ok=True)
    services = {name: free_port() for name in SERVICES}
    urls = {f"STORE_{name.upper()}_URL": f"http://127.0.0.1:{port}" for name, port in services.items()}
    return services, UNLIMITED | urls | dict(env)


async def _promote(run: Running, checkout: Checkout) -> None:
    """Make an administrator as an operator does, and leave the login where `store up` leaves it."""
    login = run.data / "secrets" / "demo_admin.json"
    if login.exists():
        return
    account = await register(run.port)
    command = ("-m", "store_cli", "users", "promote", account.email)
    env = {**os.environ, **run.env, "STORE_DATA_DIR": str(run.data)}
    process = await asyncio.create_subprocess_exec(
        checkout.python, *command, env=env, cwd=checkout.folder, stdout=asyncio.subprocess.DEVNULL
    )
    if await process.wait() != 0:
        raise RuntimeError(f"store users promote ended with {process.returncode}")
    known = {"email": account.email, "password": account.password, "base_url": f"http://127.0.0.1:{run.port}"}
    login.write_text(json.dumps(known))
