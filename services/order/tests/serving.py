"""The real order service on a free port, its neighbours written fakes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
from store_kit.clock import Clock, SystemClock
from store_kit.running.service import Service
from store_order.app import create_service
from store_order.settings import OrderSettings

from services.order.tests.fakes import FakeCarts, FakeNotifications, FakeReservations
from tests.support.services import TestIssuer, serve_service

P = TypeVar("P")


class Failing:
    """A port in front of another that can be told to fail, before or after its effect, or to wait."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self.before: Mapping[str, Exception] = {}
        self.after: Mapping[str, Exception] = {}
        self.gates: Mapping[str, asyncio.Event] = {}

    def __getattr__(self, method: str) -> Callable[..., Any]:
        async def call(*args: Any) -> Any:
            if method in self.gates:
                await self.gates[method].wait()
            if method in self.before:
                raise self.before[method]
            result = await getattr(self._port, method)(*args)
            if method in self.after:
                raise self.after[method]
            return result

        return call


@dataclass
class Shop:
    """The service, its caller, and its neighbours."""

    service: Service
    client: aiohttp.ClientSession
    issuer: TestIssuer
    carts: FakeCarts
    reservations: FakeReservations
    notifications: FakeNotifications
    faults: dict[str, Failing] = field(default_factory=dict)

    async def call(
        self,
        method: str,
        path: str,
        who: str | None = "alice",
        roles: tuple[str, ...] = ("customer",),
        headers: Mapping[str, str] | None = None,
        body: object | None = None,
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Send a request as a user; return status, decoded body and headers."""
        sent = dict(headers or {})
        if who is not None:
            sent |= self.issuer.headers(who, roles)
        async with self.client.request(method, path, headers=sent, json=body) as response:
            content = await response.read()
            decoded = await response.json(content_type=None) if content else None
            return response.status, decoded, response.headers

    async def admin(self, method: str, path: str, **more: Any) -> tuple[int, Any, Mapping[str, str]]:
        """Send a request as an administrator."""
        return await self.call(method, path, "root", ("admin",), **more)

    async def place(
        self, key: str = "key", who: str = "alice", **body: str
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Order what is in a user's cart."""
        return await self.call("POST", "/api/orders", who, headers={"Idempotency-Key": key}, body=body)

    async def ordered(self, key: str = "key", who: str = "alice") -> Any:
        """Fill a cart, order it, return the order."""
        self.carts.put(who, "cup", 2)
        status, order, _ = await self.place(key, who)
        assert status == 201, order
        return order


@asynccontextmanager
async def order_shop(settings: OrderSettings, clock: Clock | None = None) -> AsyncIterator[Shop]:
    """Run the service; everything of its own is real, its neighbours are fakes."""
    clock = clock or SystemClock()
    carts, reservations = FakeCarts(), FakeReservations(clock, {"cup": 1_000, "plate": 5})
    notifications = FakeNotifications()
    fakes = {"carts": carts, "reservations": reservations, "notifications": notifications}
    faults: dict[str, Failing] = {}

    def wrap(name: str, port: P) -> P:
        faults[name] = Failing(fakes.get(name, port))
        return faults[name]  # type: ignore[return-value]  # it has whatever shape the port has

    issuer = TestIssuer(settings)
    service = create_service(settings, clock=clock, wrap=wrap, verifier=issuer.verifier())
    async with serve_service(service) as client:
        yield Shop(service, client, issuer, carts, reservations, notifications, faults)
