"""Composition root of the order service: nothing here does anything before the service starts."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from store_kit.auth import TokenVerifier
from store_kit.client import PeerMetrics, ServiceClient, ServiceTokens, TokenSource
from store_kit.clock import Clock, SystemClock
from store_kit.cursors import Cursors
from store_kit.jwks import remote_verifier
from store_kit.metrics import Metrics
from store_kit.secrets import Secrets
from store_kit.service import Check, Service, Wrap, build_service, unwrapped
from store_kit.sqlite import Sqlite
from store_kit.workers import Worker

from store_order.adapters.peers import CartClient, CatalogReservations, NotificationClient
from store_order.adapters.signals import LocalSignals
from store_order.adapters.simulated_payments import SimulatedPayments
from store_order.adapters.sqlite_orders import SqliteOrderStore
from store_order.adapters.sqlite_work import SqliteWorkQueue
from store_order.adapters.telemetry import PrometheusTelemetry
from store_order.api import admin_orders, internal, order_events, orders
from store_order.settings import OrderSettings
from store_order.use_cases import UseCases
from store_order.use_cases.assembly import Ports, assemble
from store_order.use_cases.background import Background

SCHEMA: Final[Traversable] = files("store_order") / "schema"
_GAUGES_EVERY_S: Final = 1.0


def create_service(
    settings: OrderSettings | None = None,
    *,
    clock: Clock | None = None,
    wrap: Wrap = unwrapped,
    verifier: TokenVerifier | None = None,
    tokens: TokenSource | None = None,
) -> Service:
    """Return the order service, wired and not yet started.

    Args:
        settings: from the environment when None.
        clock: the machine's when None.
        wrap: put around each port; tests put crash points there.
        verifier: of access tokens; by the user service's keys when None.
        tokens: where this service's own token comes from; the user service when None.
    """
    settings = settings or OrderSettings()
    clock = clock or SystemClock()
    metrics = Metrics("order")
    secrets = Secrets(settings)
    tokens = tokens or ServiceTokens(settings, "order", secrets.text("service_secret_order"))
    peers = _Peers(settings, metrics, tokens)
    orders_db = _database(settings, metrics, "orders", "sqlite")
    payments_db = _database(settings, metrics, "payments", "payments")
    signals, background = LocalSignals(), Background()
    ports = Ports(
        orders=wrap("orders", SqliteOrderStore(orders_db, signals)),
        work=wrap("work", SqliteWorkQueue(orders_db)),
        payments=wrap("payments", SimulatedPayments(payments_db, clock)),
        reservations=wrap("reservations", CatalogReservations(peers.catalog)),
        carts=wrap("carts", CartClient(peers.cart)),
        notifications=wrap("notifications", NotificationClient(peers.user)),
        signals=signals,
        telemetry=PrometheusTelemetry(metrics),
        clock=clock,
    )
    cases = assemble(
        ports,
        settings.order_rules,
        background,
        poll_s=settings.order_poll_s,
        heartbeat_s=settings.order_heartbeat_s,
    )
    service = build_service(
        name="order",
        port=settings.port_of("order"),
        settings=settings,
        metrics=metrics,
        verifier=verifier or remote_verifier(settings),
        use_cases=cases,
        routers=(orders.router, order_events.router, admin_orders.router, internal.router),
        # The background ends first, while databases and peers can still be reached.
        resources=(orders_db, payments_db, peers.catalog, peers.cart, peers.user, background),
        workers=_workers(cases, settings, clock),
        checks={"orders": _check(orders_db), "payments": _check(payments_db)},
    )
    service.app.state.cursors = Cursors(secrets.text("cursor_key"))
    service.app.state.currency = settings.currency
    return service


class _Peers:
    """The clients of the services that this one needs."""

    def __init__(self, settings: OrderSettings, metrics: Metrics, tokens: TokenSource) -> None:
        shared = PeerMetrics(metrics)

        def client(peer: str, url: str) -> ServiceClient:
            return ServiceClient(peer, url, settings=settings, metrics=shared, tokens=tokens)

        self.catalog = client("catalog", settings.catalog_url)
        self.cart = client("cart", settings.cart_url)
        self.user = client("user", settings.user_url)


def _database(settings: OrderSettings, metrics: Metrics, name: str, schema: str) -> Sqlite:
    path = settings.data_dir / f"{name}.db"
    return Sqlite(path, SCHEMA / schema, metrics=metrics, synchronous=settings.sqlite_synchronous)


def _workers(cases: UseCases, settings: OrderSettings, clock: Clock) -> list[Worker]:
    tick_s = settings.order_tick_s
    return [
        Worker("recovery", cases.recover_orders, tick_s, clock),
        Worker("delivery-clock", cases.run_clock, tick_s, clock),
        Worker("notifications", cases.deliver_notifications, tick_s, clock),
        Worker("gauges", cases.show_counts, _GAUGES_EVERY_S, clock),
    ]


def _check(db: Sqlite) -> Check:
    async def check() -> None:
        db.one("schema.check", "SELECT 1")

    return check
