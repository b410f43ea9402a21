"""Composition root: builds the cart service from its settings."""

from typing import Final

from store_kit.access.revocations import trust_in
from store_kit.access.tokens import TokenVerifier
from store_kit.client.client import ServiceClient
from store_kit.client.metrics import PeerMetrics
from store_kit.client.service_tokens import ServiceTokens
from store_kit.clock import Clock, SystemClock
from store_kit.http import Cursors
from store_kit.rates import Rate
from store_kit.running.service import Service, Wrap, build_service, unwrapped
from store_kit.secrets import Secrets
from store_kit.telemetry.metrics import Metrics
from store_kit.workers import Worker

from store_cart.adapters.clients import CatalogClient
from store_cart.adapters.guest_limit import GuestsByAddress
from store_cart.adapters.guest_tokens import HmacGuestTokens
from store_cart.adapters.known_products import RememberedProducts
from store_cart.adapters.stores import Stores, stores_of
from store_cart.adapters.telemetry import PrometheusTelemetry
from store_cart.api import admin, cart, internal, recently_viewed
from store_cart.api.parameters import Api
from store_cart.ports import Catalogue
from store_cart.settings import CartSettings
from store_cart.wiring import Ports, use_cases_of

NAME: Final = "cart"


def create_service(
    settings: CartSettings | None = None,
    *,
    clock: Clock | None = None,
    wrap: Wrap = unwrapped,
    verifier: TokenVerifier | None = None,
    catalogue: Catalogue | None = None,
) -> Service:
    """Return the cart service; nothing is opened before it starts.

    Args:
        settings: read from the environment when not given.
        clock: the machine's when not given.
        wrap: put around every port.
        verifier: of access tokens; by the user service's keys when not given.
        catalogue: the catalogue service over HTTP when not given.
    """
    settings, clock = settings or CartSettings(), clock or SystemClock()
    secrets, metrics = Secrets(settings), Metrics(NAME)
    stores = stores_of(settings, secrets, metrics)
    client, users = _peers(settings, secrets, metrics)
    trust = trust_in(users, settings=settings, metrics=metrics, clock=clock, verifier=verifier)
    ports = _ports(settings, wrap, stores, catalogue or CatalogClient(client), secrets, metrics, clock)
    use_cases = use_cases_of(
        ports,
        currency=settings.currency,
        guest_idle_ms=settings.cart_guest_idle_s * 1000,
        operation_ms=settings.cart_operation_s * 1000,
        order_ms=settings.cart_order_s * 1000,
    )

    return build_service(
        name=NAME,
        port=settings.port_of("cart"),
        settings=settings,
        metrics=metrics,
        verifier=trust.verifier,
        api=Api(
            use_cases,
            Cursors(secrets.text("cursor_key")),
            settings.cart_trusted_proxies,
            settings.cart_forwarded_by,
        ),
        routers=(cart.bare, cart.router, recently_viewed.router, admin.router, internal.bare),
        resources=(*stores.resources, client, users),
        workers=(
            Worker("cart.sweep", use_cases.sweep, settings.cart_sweep_s, clock),
            Worker("cart.follow", use_cases.follow_products, settings.cart_follow_s, clock),
            *trust.workers,
        ),
        checks=stores.checks,
    )


def _peers(settings: CartSettings, secrets: Secrets, metrics: Metrics) -> tuple[ServiceClient, ServiceClient]:
    """Return clients of the catalogue and of the user service."""
    tokens = ServiceTokens(settings, NAME, secrets.text("service_secret_cart"))
    shared = PeerMetrics(metrics)

    def client(peer: str, url: str) -> ServiceClient:
        return ServiceClient(peer, url, settings=settings, metrics=shared, tokens=tokens)

    return client("catalog", settings.catalog_url), client("user", settings.user_url)


def _ports(
    settings: CartSettings,
    wrap: Wrap,
    stores: Stores,
    catalogue: Catalogue,
    secrets: Secrets,
    metrics: Metrics,
    clock: Clock,
) -> Ports:
    catalogue = wrap("catalogue", catalogue)
    fresh_s, capacity = settings.cart_known_products_s, settings.cart_known_products
    return Ports(
        carts=wrap("carts", stores.carts),
        views=wrap("views", stores.views),
        catalogue=catalogue,
        products=RememberedProducts(catalogue, clock, fresh_s=fresh_s, capacity=capacity),
        tokens=HmacGuestTokens(secrets.text("guest_cart_key")),
        guests=GuestsByAddress(Rate.parse(settings.cart_guest_limit_address)),
        telemetry=PrometheusTelemetry(metrics),
        clock=clock,
    )
