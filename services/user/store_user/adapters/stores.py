"""Which database stores accounts, sessions and news: a SQLite file or a keyspace in Cassandra."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from store_kit.clock import Clock
from store_kit.running.service import Check, Resource
from store_kit.secrets import Secrets
from store_kit.sqlite.database import shop_file
from store_kit.telemetry.metrics import Metrics

from store_user.adapters.sqlite.accounts import SqliteAccounts
from store_user.adapters.sqlite.notifications import SqliteNotifications
from store_user.adapters.sqlite.revocations import SqliteRevocations
from store_user.adapters.sqlite.sessions import SqliteSessions
from store_user.ports import AccountStore, NotificationStore, RevocationStore, SessionStore
from store_user.settings import UserSettings

SCHEMA: Final[Traversable] = files("store_user") / "schema"
_READY_WITHIN_S: Final = 60.0
"""A new keyspace takes some seconds to make, on a busy machine more."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of the user service, with what must be opened for them and how their health is checked."""

    accounts: AccountStore
    sessions: SessionStore
    notifications: NotificationStore
    revocations: RevocationStore
    resources: tuple[Resource, ...]
    checks: Mapping[str, Check]
    until_usable: Callable[[], Awaitable[object]]
    """Returns once what was opened can be used; a service does not wait for it, a command does."""


def stores_of(settings: UserSettings, secrets: Secrets, metrics: Metrics, clock: Clock) -> Stores:
    """Return the stores that the settings name; nothing is opened yet."""
    if settings.cluster is None:
        return _sqlite(settings, metrics)
    return _cassandra(settings, secrets, metrics, clock)


def _sqlite(settings: UserSettings, metrics: Metrics) -> Stores:
    db = shop_file("user", SCHEMA / "sqlite", settings=settings, metrics=metrics)

    return Stores(
        SqliteAccounts(db),
        SqliteSessions(db),
        SqliteNotifications(db),
        SqliteRevocations(db),
        (db,),
        {"database": db.check},
        db.check,
    )


def _cassandra(settings: UserSettings, secrets: Secrets, metrics: Metrics, clock: Clock) -> Stores:
    # The driver costs memory and time to import, which a shop on SQLite need not pay.
    from store_kit.cassandra.schema import open_keyspace  # noqa: PLC0415

    from store_user.adapters.cassandra.accounts import CassandraAccounts  # noqa: PLC0415
    from store_user.adapters.cassandra.notifications import CassandraNotifications  # noqa: PLC0415
    from store_user.adapters.cassandra.revocations import CassandraRevocations  # noqa: PLC0415
    from store_user.adapters.cassandra.sessions import CassandraSessions  # noqa: PLC0415

    db = open_keyspace("user", SCHEMA / "cassandra", settings=settings, secrets=secrets, metrics=metrics)
    return Stores(
        CassandraAccounts.on(db, clock),
        CassandraSessions(db, clock, lifetime_s=settings.user_refresh_lifetime_s),
        CassandraNotifications(db, clock, keep_ms=settings.user_keep_notifications_ms),
        CassandraRevocations(db, clock),
        (db,),
        {"database": db.check},
        lambda: db.until_usable(_READY_WITHIN_S),
    )
