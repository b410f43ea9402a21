"""Composition root of the order service: nothing here does anything before the service starts."""

from typing import Final

from store_kit.auth import TokenVerifier
from store_kit.client import PeerMetrics, ServiceClient, ServiceTokens, TokenSource
from store_kit.clock import Clock, SystemClock
from store_kit.cursors import Cursors
from store_kit.metrics import Metrics
from store_kit.revocations import trust_in
from store_kit.secrets import Secrets
from store_kit.service import Service, Wrap, build_service, unwrapped
from store_kit.streams import Streams
from store_kit.workers import Worker

from store_order.adapters.peers import CartClient, CatalogReservations, NotificationClient
from store_order.adapters.signals import LocalSignals
from store_order.adapters.simulated_payments import SimulatedPayments
from store_order.adapters.stores import stores_of
from store_order.adapters.telemetry import PrometheusTelemetry
from store_order.api import admin_orders, internal, order_events, orders
from store_order.settings import OrderSettings
from store_order.use_cases import UseCases
from store_order.use_cases.assembly import Ports, assemble
from store_order.use_cases.background import Background

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
    trust = trust_in(peers.user, settings=settings, metrics=metrics, clock=clock, verifier=verifier)
    signals, background = LocalSignals(), Background()
    stores = stores_of(settings, secrets, metrics, clock, signals)
    ports = Ports(
        orders=wrap("orders", stores.orders),
        work=wrap("work", stores.work),
        payments=wrap("payments", SimulatedPayments(stores.books)),
        reservations=wrap("reservations", CatalogReservations(peers.catalog)),
        carts=wrap("carts", CartClient(peers.cart)),
        notifications=wrap("notifications", NotificationClient(peers.user)),
        signals=signals,
        telemetry=PrometheusTelemetry(metrics, clock),
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
        verifier=trust.verifier,
        use_cases=cases,
        routers=(orders.hot, orders.router, order_events.router, admin_orders.router, internal.router),
        # The background ends with the workers, while peers in the same process still listen; what requests to
        # this service's own port leave after that ends first of the resources.
        resources=(*stores.resources, peers.catalog, peers.cart, peers.user, background),
        workers=(*_workers(cases, settings, clock), *trust.workers, background),
        checks=stores.checks,
    )
    service.app.state.cursors = Cursors(secrets.text("cursor_key"))
    service.app.state.streams = Streams(settings.order_streams_per_account)
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


def _workers(cases: UseCases, settings: OrderSettings, clock: Clock) -> list[Worker]:
    tick_s = settings.order_tick_s
    return [
        Worker("recovery", cases.recover_orders, tick_s, clock),
        Worker("delivery-clock", cases.run_clock, tick_s, clock),
        Worker("notifications", cases.deliver_notifications, tick_s, clock),
        Worker("gauges", cases.show_counts, _GAUGES_EVERY_S, clock),
    ]
