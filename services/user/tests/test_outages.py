"""A database that goes away in the middle of a request: who hears that nothing was changed can rely on it."""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from store_kit.cassandra.keyspace import Cassandra
from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable
from store_kit.sqlite.database import Sqlite
from store_user.adapters.cassandra.accounts import CassandraAccounts
from store_user.adapters.cassandra.notifications import CassandraNotifications
from store_user.adapters.cassandra.revocations import CassandraRevocations
from store_user.adapters.cassandra.sessions import CassandraSessions
from store_user.adapters.sqlite.accounts import SqliteAccounts
from store_user.adapters.sqlite.notifications import SqliteNotifications
from store_user.adapters.sqlite.revocations import SqliteRevocations
from store_user.adapters.sqlite.sessions import SqliteSessions
from store_user.adapters.stores import SCHEMA
from store_user.domain.accounts import Account, Role
from store_user.domain.notifications import Notification
from store_user.ports import Caller
from store_user.settings import UserSettings
from store_user.use_cases import UseCases
from store_user.wiring import Ports, use_cases_of

from services.user.tests.fakes import (
    CountingThrottle,
    MemoryAccounts,
    MemoryNotifications,
    MemoryRevocations,
    MemorySessions,
    NoCarts,
    PlainAccessTokens,
    PlainPasswords,
    PlainRefreshTokens,
    Told,
)
from services.user.tests.stores import STORES
from tests.support.clock import ManualClock
from tests.support.outages import Databases, Outage, Trial, assert_unavailable_means_unchanged

pytestmark = pytest.mark.anyio
PASSWORD = "three blue kettles"
HERE = Caller("here")
ADMIN = frozenset(Role)
DAY_MS = 86_400_000
Make = Callable[[Any], Any]


@dataclass
class World:
    """A user service on some stores, with an administrator."""

    stores: tuple[Any, Any, Any, Any]
    """Of accounts, sessions, notifications and revocations, as they are."""
    cut: tuple[Any, Any, Any, Any]
    """The same, where calls may fail."""
    clock: ManualClock
    number: int = 0
    """Several worlds may share a keyspace: to empty one takes a second."""
    security: Told = field(default_factory=Told)
    passwords: PlainPasswords = field(default_factory=PlainPasswords)

    @property
    def do(self) -> UseCases:
        absent: Any = None
        accounts, sessions, notifications, revocations = self.cut
        ports = Ports(
            accounts=accounts,
            sessions=sessions,
            notifications=notifications,
            revocations=revocations,
            passwords=self.passwords,
            common_passwords=frozenset(),
            throttle=CountingThrottle(),
            access_tokens=PlainAccessTokens(),
            refresh_tokens=PlainRefreshTokens(),
            clients=absent,
            orders=absent,
            carts=NoCarts(),
            security=self.security,
            count_registration=lambda _: None,
            count_login=lambda _: None,
            clock=self.clock,
        )
        return use_cases_of(ports, UserSettings())

    @property
    def email(self) -> str:
        return f"ann{self.number}@example.com"

    @property
    def root(self) -> str:
        return f"root{self.number}@example.com"

    async def register(self) -> Account:
        return await self.do.register(email=self.email, password=PASSWORD, name="Ann", caller=HERE)

    async def log_in(self) -> str:
        return str((await self.do.log_in(email=self.email, password=PASSWORD, caller=HERE)).refresh_token)

    async def look(self) -> object:
        """Return what is known of everybody: accounts, sessions and news."""
        accounts, sessions, notifications, _ = self.stores
        found = [await accounts.find_account_by_email(email) for email in (self.email, self.root)]
        kept = [one for one in found if one is not None]
        return [
            (
                one,
                await sessions.list_sessions(one.id, limit=100),
                await notifications.list_notifications(one.id, before=None, limit=100),
            )
            for one in kept
        ]


def on_memory(outage: Outage, clock: ManualClock) -> World:
    stores = (MemoryAccounts(), MemorySessions(), MemoryNotifications(), MemoryRevocations())
    return World(stores, tuple(map(outage.of, stores)), clock)  # type: ignore[arg-type]  # of four


def on_sqlite(db: Sqlite) -> tuple[Any, Any, Any, Any]:
    return SqliteAccounts(db), SqliteSessions(db), SqliteNotifications(db), SqliteRevocations(db)


def on_cassandra(db: Cassandra, clock: ManualClock) -> tuple[Any, Any, Any, Any]:
    return (
        CassandraAccounts.on(db, clock),
        CassandraSessions(db, clock, lifetime_s=86_400),
        CassandraNotifications(db, clock, keep_ms=DAY_MS),
        CassandraRevocations(db, clock),
    )


class Worlds(Databases):
    """Makes a fresh world, as often as it is asked."""

    async def world(self, outage: Outage) -> World:
        clock = ManualClock()
        if self.kind == "memory":
            return on_memory(outage, clock)
        if self.kind == "sqlite":
            db = await self.sqlite(SCHEMA / "sqlite")
            return World(on_sqlite(db), on_sqlite(outage.of(db)), clock)
        keyspace = await self.cassandra()
        cut = on_cassandra(outage.of(keyspace), clock)
        return World(on_cassandra(keyspace, clock), cut, clock, self.worlds)


@pytest.fixture(params=STORES)
async def databases(request: pytest.FixtureRequest, tmp_path: Path, keyspace: Cassandra | None) -> Any:
    made = Worlds(request.param, tmp_path, keyspace)
    yield made
    await made.close()


Request = Callable[[World], Awaitable[Callable[[], Awaitable[object]]]]


async def registering(world: World) -> Callable[[], Awaitable[object]]:
    return world.register


async def signing_in(world: World) -> Callable[[], Awaitable[object]]:
    await world.register()
    return world.log_in


async def signing_in_with_an_older_hash(world: World) -> Callable[[], Awaitable[object]]:
    await world.register()
    world.passwords.mark = "v2:"
    return world.log_in


async def refreshing(world: World) -> Callable[[], Awaitable[object]]:
    await world.register()
    token = await world.log_in()
    return lambda: world.do.refresh(token)


async def changing_the_password(world: World) -> Callable[[], Awaitable[object]]:
    ann, token = await world.register(), await world.log_in()
    return lambda: world.do.change_password(
        ann.id, current=PASSWORD, new="four green kettles", refresh_token=token, caller=HERE
    )


async def ending_one_session(world: World) -> Callable[[], Awaitable[object]]:
    ann, token = await world.register(), await world.log_in()
    return lambda: world.do.end_sessions.one(ann.id, token.partition("/")[0], actor=ann.id)


async def ending_all_sessions(world: World) -> Callable[[], Awaitable[object]]:
    ann = await world.register()
    return lambda: world.do.end_sessions.all(ann.id, actor=ann.id)


async def promoting(world: World) -> Callable[[], Awaitable[object]]:
    ann = await world.register()
    return lambda: world.do.assign_roles(ann.id, ADMIN, actor=ann.id)


async def disabling(world: World) -> Callable[[], Awaitable[object]]:
    ann = await world.register()
    return lambda: world.do.disable(ann.id, actor=ann.id)


async def resetting_the_password(world: World) -> Callable[[], Awaitable[object]]:
    ann = await world.register()
    token, _ = await world.do.issue_reset(ann.id, actor=ann.id)
    return lambda: world.do.reset_password(token, "four green kettles", caller=HERE)


async def deleting_the_account(world: World) -> Callable[[], Awaitable[object]]:
    ann = await world.register()
    await world.log_in()
    return lambda: world.do.delete_account(ann.id, password=PASSWORD, caller=HERE)


async def making_an_administrator(world: World) -> Callable[[], Awaitable[object]]:
    return lambda: world.do.ensure_admin(world.root, PASSWORD)


async def giving_an_administrator_another_password(world: World) -> Callable[[], Awaitable[object]]:
    await world.do.ensure_admin(world.root, PASSWORD)
    return lambda: world.do.ensure_admin(world.root, "four green kettles")


async def hearing_news(world: World) -> Callable[[], Awaitable[object]]:
    ann, now_ms = await world.register(), world.clock.now_ms()
    # Of two months: two partitions in Cassandra, which are not written together.
    batch = [Notification(f"n{n}", ann.id, f"o{n}", "CREATED", now_ms - n * 12 * 3_600_000) for n in range(3)]
    batch.append(Notification("n9", ann.id, "o9", "CREATED", now_ms - 40 * DAY_MS))
    return lambda: world.do.accept_notifications(batch)


REQUESTS = (
    registering,
    signing_in,
    signing_in_with_an_older_hash,
    refreshing,
    changing_the_password,
    ending_one_session,
    ending_all_sessions,
    promoting,
    disabling,
    resetting_the_password,
    deleting_the_account,
    making_an_administrator,
    giving_an_administrator_another_password,
    hearing_news,
)


@pytest.mark.parametrize("prepare", REQUESTS, ids=lambda prepare: prepare.__name__)
async def test_who_hears_that_nothing_was_changed_can_rely_on_it(databases: Worlds, prepare: Request) -> None:
    """Whichever call to the database fails, alone or with all that follow."""

    async def begin(outage: Outage) -> Trial:
        world = await databases.world(outage)
        return Trial(await prepare(world), world.look)

    assert await assert_unavailable_means_unchanged(begin) >= 1


@pytest.mark.parametrize(
    ("prepare", "event"),
    [(changing_the_password, "password.changed"), (ending_one_session, "sessions.ended")],
)
async def test_what_was_done_is_on_record_though_the_rest_failed(prepare: Request, event: str) -> None:
    """The security log tells of a change if and only if it was made."""
    left_half_done = 0
    for at in range(20):
        outage = Outage(at, lasting=True)
        world = on_memory(outage, ManualClock())
        request = await prepare(world)
        before, outage.armed = await world.look(), True
        with contextlib.suppress(DatabaseUnavailable, DatabaseOutcomeUnknown):
            await request()
        changed = await world.look() != before
        assert changed == (event in [name for name, _ in world.security.events]), outage.struck
        left_half_done += changed and bool(outage.struck)
    assert left_half_done >= 2
