"""Which database keeps carts and views: a SQLite file or a keyspace in Cassandra."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from store_kit.running.service import Check, Resource
from store_kit.secrets import Secrets
from store_kit.sqlite.database import shop_file
from store_kit.telemetry.metrics import Metrics

from store_cart.adapters.sqlite.carts import SqliteCartStore
from store_cart.adapters.sqlite.views import SqliteViewStore
from store_cart.ports import CartStore, ViewStore
from store_cart.settings import CartSettings

SCHEMA: Final[Traversable] = files("store_cart") / "schema"


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of the cart service, with what must be opened for them and how their health is checked."""

    carts: CartStore
    views: ViewStore
    resources: tuple[Resource, ...]
    checks: Mapping[str, Check]


def stores_of(settings: CartSettings, secrets: Secrets, metrics: Metrics) -> Stores:
    """Return the stores that the settings name; nothing is opened yet."""
    return _sqlite(settings, metrics) if settings.cluster is None else _cassandra(settings, secrets, metrics)


def _sqlite(settings: CartSettings, metrics: Metrics) -> Stores:
    db = shop_file("cart", SCHEMA / "sqlite", settings=settings, metrics=metrics)

    carts, views = SqliteCartStore(db, settings.cart_limits), SqliteViewStore(db)
    return Stores(carts, views, (db,), {"database": db.check})


def _cassandra(settings: CartSettings, secrets: Secrets, metrics: Metrics) -> Stores:
    # The driver costs memory and time to import, which a shop on SQLite need not pay.
    from store_kit.cassandra.schema import open_keyspace  # noqa: PLC0415

    from store_cart.adapters.cassandra.carts import CassandraCartStore  # noqa: PLC0415
    from store_cart.adapters.cassandra.views import CassandraViewStore  # noqa: PLC0415

    db = open_keyspace("cart", SCHEMA / "cassandra", settings=settings, secrets=secrets, metrics=metrics)
    carts = CassandraCartStore(db, settings.cart_limits, settings.cart_guest_idle_s)
    views = CassandraViewStore(db, settings.cart_guest_idle_s)
    return Stores(carts, views, (db,), {"database": db.check})
