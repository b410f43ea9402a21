"""Proving grounds: a shop with crash points that is killed and started again, and the people who look at it."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import aiohttp
from store_order.domain.steps import Queue

from tests.chaos.books import Books, audit, read_books
from tests.chaos.boundaries import Boundary, Folder, Plan
from tests.chaos.forks import Forked
from tests.chaos.front import front
from tests.support.insides import Insides, insides_of
from tests.support.people import PASSWORD, Person, administrator, customer
from tests.support.shop import DidNotStart, EmbeddedShop, FourServices
from tests.support.wait import until, within

Way = Literal["embedded", "four"]
MODULE = "tests.chaos.crashing"
LEASE_S = 2.0
_OF_EACH_SERVICE = ("/api/users/me", "/api/admin/stock?limit=1", "/api/cart", "/api/admin/orders?limit=1")
SETTLED_WITHIN_S = 60.0
"""How long anything may be in a passing state after the last restart; leases are of 2 s, so it takes a few."""
ENVIRONMENT: Mapping[str, str] = {
    "STORE_ORDER_LEASE_S": str(LEASE_S),
    "STORE_ORDER_RETRY_S": "0.2",
    "STORE_ORDER_TICK_S": "0.05",
    "STORE_ORDER_POLL_S": "0.1",
    "STORE_ORDER_GIVE_UP_S": "2",
    "STORE_CATALOG_PASSING_S": "1",
    "STORE_CATALOG_SWEEP_S": "0.5",
    "STORE_BREAKER_TTL_S": "0.5",
    "STORE_LOG_LEVEL": "warning",
}


@dataclass
class Ground:
    """A running shop, its administrator, and the folder through which it is told where to die."""

    way: Way
    shop: EmbeddedShop | FourServices
    session: aiohttp.ClientSession
    folder: Folder
    insides: Insides
    admin: Person
    base_url: str

    @property
    def data_dir(self) -> Path:
        """Where the shop keeps everything."""
        return self.shop.data_dir

    @property
    def dead(self) -> list[str]:
        """Return which processes do not run."""
        return [name for name, process in self.shop.processes.items() if not process.alive]

    async def serves(self) -> bool:
        """Whether every service answers the administrator.

        After a start the first who asks may hear 503 with Retry-After: the keys of tokens are not fetched yet.
        """
        answers = [await self.admin.ask("GET", path) for path in _OF_EACH_SERVICE]
        return all(answer.status == 200 for answer in answers)

    async def newcomer(self) -> Person:
        """Return a new customer."""
        return await customer(self.session, self.shop.url)

    async def dies(self, within_s: float) -> bool:
        """Wait for a process to die as planned, and take the plan back; False when it never came to that."""
        await within(lambda: self.folder.fired, within_s)
        return await self._disarmed()

    async def dies_at(
        self, boundary: Boundary, over: Callable[[], bool], story: object, within_s: float
    ) -> bool:
        """Wait for the one process to die that passes this boundary; False when all was over and none came there.

        `story` says how things stand when neither happens in time.
        """
        ended = await within(lambda: self.folder.fired or over(), within_s)
        assert ended, f"not within {within_s} s: nobody dies, nothing ends: {story}"
        died = await self._disarmed()
        expected = boundary.service if self.way == "four" else "shop"
        assert self.dead == ([expected] if died else []), f"{self.dead} died, not {expected}"
        return died

    async def _disarmed(self) -> bool:
        died = self.folder.disarm()
        if died:
            await until(lambda: bool(self.dead), "the process is gone")
        return died

    async def revive(self) -> None:
        """Start again what is dead; a plan that is there already may kill it while it starts, once."""
        while self.dead:
            if self.folder.fired:
                self.folder.disarm()
            try:
                await self._start_the_dead()
            except DidNotStart:
                if not self.folder.fired:
                    raise

    async def _start_the_dead(self) -> None:
        for name in self.dead:
            if isinstance(self.shop, FourServices):
                await self.shop.restart(name)
            else:
                await self.shop.start()

    def watch(self, *marks: str, kill: Boundary | None = None, kill_nth: int | None = None) -> None:
        """Record every boundary that carries one of these ids, and die at one of them."""
        self.folder.arm(Plan(marks, kill, kill_nth))

    async def at_rest(self) -> None:
        """Return once nothing is in a passing state, nothing waits for recovery, and all news are delivered."""
        await until(
            lambda: not self.insides.passing_orders(), "no order is in a passing state", SETTLED_WITHIN_S
        )
        await until(
            lambda: not self.insides.hints(Queue.RECOVERY, Queue.NOTIFY),
            "nothing waits for recovery or delivery of news",
            SETTLED_WITHIN_S,
        )

    async def books(self) -> Books:
        """Return the books, read by an administrator and from the payment provider's own."""
        return await read_books(self.admin, self.insides)

    async def audited(self) -> dict[str, Any]:
        """Return what `store audit --json` says."""
        env = {} if self.way == "embedded" else _credentials(self.admin)
        return await audit(self.base_url, self.data_dir, env)


@contextlib.asynccontextmanager
async def open_ground(way: Way, data_dir: Path, env: Mapping[str, str]) -> AsyncIterator[Ground]:
    """Run a shop with crash points, all of whose processes are forked."""
    async with contextlib.AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=30)
        )
        await stack.enter_async_context(session)
        settings = {**ENVIRONMENT, **env}
        shop: EmbeddedShop | FourServices
        if way == "embedded":
            shop = EmbeddedShop(data_dir, settings, command=(MODULE, "up"), program=Forked)
            await stack.enter_async_context(shop)
            admin = await administrator(session, shop.url, data_dir)
            base_url = shop.base_url
        else:
            shop = FourServices(data_dir, settings, command=(MODULE, "run"), program=Forked)
            await stack.enter_async_context(shop)
            admin = await promoted(session, shop)
            base_url = await stack.enter_async_context(front(shop.url))
        yield Ground(way, shop, session, Folder(data_dir), insides_of(shop), admin, base_url)


async def promoted(session: aiohttp.ClientSession, shop: FourServices) -> Person:
    """Return an administrator made as an operator makes one."""
    somebody = await customer(session, shop.url)
    await shop.promote(somebody.email)
    return await somebody.sign_in(somebody.email)


def _credentials(admin: Person) -> dict[str, str]:
    return {"STORE_ADMIN_EMAIL": admin.email, "STORE_ADMIN_PASSWORD": PASSWORD}
