"""Composition root of the order service."""

from typing import Final

from store_kit.access.revocations import trust_in
from store_kit.access.tokens import TokenVerifier
from store_kit.client.client import ServiceClient
from store_kit.client.metrics import PeerMetrics
from store_kit.client.service_tokens import ServiceTokens, TokenSource
from store_kit.clock import Clock, SystemClock
from store_kit.http import Cursors
from store_kit.running.service import Service, Wrap, build_service, unwrapped
from store_kit.secrets import Secrets
from store_kit.telemetry.metrics import Metrics
from store_kit.wire.streams import Streams
from store_kit.workers import Worker

from store_order.adapters.background import BackgroundTasks
from store_order.adapters.clients import CartClient, CatalogClient, UserClient
from store_order.adapters.signals import LocalSignals
from store_order.adapters.simulated_payments import SimulatedPayments
from store_order.adapters.stores import Stores, stores_of
from store_order.adapters.telemetry import PrometheusTelemetry
from store_order.api import admin_orders, internal, order_events, orders
from store_order.api.parameters import Api
from store_order.ports import Background, Signals
from store_order.settings import OrderSettings
from store_order.use_cases import UseCases
from store_order.wiring import Ports, use_cases_of

_COUNT_EVERY_S: Final = 1.0
_OLDER_EVERY_S: Final = 15.0


def create_service(
    settings: OrderSettings | None = None,
    *,
    clock: Clock | None = None,
    wrap: Wrap = unwrapped,
    verifier: TokenVerifier | None = None,
    tokens: TokenSource | None = None,
) -> Service:
    """Return the order service; nothing is opened before it starts.

    Args:
        settings: from the environment when None.
        clock: the machine's when None.
        wrap: put around each port; tests put crash points there.
        verifier: of access tokens; by the user service's keys when None.
        tokens: where this service's own token comes from; the user service when None.
    """
    settings, clock = settings or OrderSettings(), clock or SystemClock()
    secrets, metrics = Secrets(settings), Metrics("order")
    peers = _Peers(
        settings, metrics, tokens or ServiceTokens(settings, "order", secrets.text("service_secret_order"))
    )
    trust = trust_in(peers.user, settings=settings, metrics=metrics, clock=clock, verifier=verifier)
    signals, background = LocalSignals(), BackgroundTasks()
    stores = stores_of(settings, secrets, metrics, clock, signals)
    ports = _ports(wrap, stores, peers, signals, background, metrics, clock)
    use_cases = use_cases_of(
        ports,
        settings.order_rules,
        poll_s=settings.order_poll_s,
        heartbeat_s=settings.order_heartbeat_s,
    )
    return build_service(
        name="order",
        port=settings.port_of("order"),
        settings=settings,
        metrics=metrics,
        verifier=trust.verifier,
        api=Api(
            use_cases=use_cases,
            cursors=Cursors(secrets.text("cursor_key")),
            streams=Streams(settings.order_streams_per_account),
            currency=settings.currency,
        ),
        routers=(orders.bare, orders.router, order_events.router, admin_orders.router, internal.router),
        resources=(*stores.resources, peers.catalog, peers.cart, peers.user, background),
        workers=(*_workers(use_cases, settings, clock), *trust.workers, background),
        checks=stores.checks,
    )


class _Peers:
    """The clients of the services that this one needs."""

    def __init__(self, settings: OrderSettings, metrics: Metrics, tokens: TokenSource) -> None:
        shared = PeerMetrics(metrics)

        def client(peer: str, url: str) -> ServiceClient:
            return ServiceClient(peer, url, settings=settings, metrics=shared, tokens=tokens)

        self.catalog = client("catalog", settings.catalog_url)
        self.cart = client("cart", settings.cart_url)
        self.user = client("user", settings.user_url)


def _ports(
    wrap: Wrap,
    stores: Stores,
    peers: _Peers,
    signals: Signals,
    background: Background,
    metrics: Metrics,
    clock: Clock,
) -> Ports:
    return Ports(
        orders=wrap("orders", stores.orders),
        work=wrap("work", stores.work),
        payments=wrap("payments", SimulatedPayments(stores.payments)),
        reservations=wrap("reservations", CatalogClient(peers.catalog)),
        carts=wrap("carts", CartClient(peers.cart)),
        notifications=wrap("notifications", UserClient(peers.user)),
        signals=signals,
        background=background,
        telemetry=PrometheusTelemetry(metrics, clock),
        clock=clock,
    )


def _workers(use_cases: UseCases, settings: OrderSettings, clock: Clock) -> list[Worker]:
    recover, older = use_cases.recover_orders, use_cases.recover_older_orders
    advance, notify = use_cases.run_clock, use_cases.deliver_notifications
    tick_s = settings.order_tick_s
    return [
        Worker("order.recover", recover, tick_s, clock, at_once=recover.pace.least, finish=recover.finish),
        Worker("order.adopt", older, _OLDER_EVERY_S, clock, at_once=older.pace.least, finish=older.finish),
        Worker("order.advance", advance, tick_s, clock, at_once=advance.pace.least, finish=advance.finish),
        Worker("order.notify", notify, tick_s, clock, at_once=notify.at_once),
        Worker("order.count", use_cases.show_counts, _COUNT_EVERY_S, clock),
    ]
